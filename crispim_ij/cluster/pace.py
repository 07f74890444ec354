"""How much a task holds: enough that handing it out costs nothing, little enough to lose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

SECONDS = 2.0
"""What a task is to take, and so the most that a worker loses when it dies."""

_MOST_PIXELS = 2**24


class Pace:
    """Tasks that grow, as workers show how fast they are; what is in one changes no pixel."""

    def __init__(self) -> None:
        self._pixels = 1

    def batches(self, items: Iterable[tuple[Item, int]]) -> Iterator[list[Item]]:
        """Put items together.

        Parameters
        ----------
        items : iterable of tuple
            Each with its number of pixels.

        Yields
        ------
        list
            One item, or some that follow each other.
        """
        batch: list[Item] = []
        pixels = 0
        for item, size in items:
            if batch and pixels + size > self._pixels:
                yield batch
                batch, pixels = [], 0
            batch.append(item)
            pixels += size
        if batch:
            yield batch

    def learn(self, pixels: int, seconds: float) -> None:
        """Take note of how long a task took; the next ones have at most twice as many pixels."""
        faster = min(2.0, SECONDS / max(seconds, 1e-6))
        self._pixels = min(max(1, int(pixels * faster)), _MOST_PIXELS)
