"""Images that lie on disk in chunks: each is decoded once while it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

BUDGET = 2**26
"""Bytes of decoded chunks that are kept for neighbouring regions."""

Key = TypeVar("Key")


class ChunkCache(Generic[Key]):
    """Decoded chunks, the one longest unused forgotten first.

    Several threads may ask at once; a chunk that two of them want is decoded once.

    Parameters
    ----------
    chunk_bytes : int
        Size of a chunk in memory.
    """

    def __init__(self, chunk_bytes: int) -> None:
        self._most = max(1, BUDGET // chunk_bytes)
        self._held: dict[Key, Future[NDArray[Any]]] = {}
        self._lock = threading.Lock()

    def hold(self, chunks: int) -> None:
        """Keep at least so many chunks from now on, whatever their size."""
        with self._lock:
            self._most = max(self._most, chunks)

    def get(self, key: Key, load: Callable[[Key], NDArray[Any]]) -> NDArray[Any]:
        """Return a chunk, decoded by `load` now or before."""
        with self._lock:
            found = self._held.pop(key, None)
            future: Future[NDArray[Any]] = Future() if found is None else found
            self._held[key] = future
            while len(self._held) > self._most:
                del self._held[next(iter(self._held))]
        if found is None:
            try:
                future.set_result(load(key))
            except BaseException as error:
                with self._lock:
                    self._held.pop(key, None)
                future.set_exception(error)
                raise
        return future.result()


def overlaps(part: slice, chunk: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield the chunks along an axis that a part of it lies in.

    Parameters
    ----------
    part : slice
        From its start to before its stop.
    chunk : int
        Length of the chunks.

    Yields
    ------
    number : int
        The chunk's number.
    inside : slice
        The part of the chunk that is wanted.
    place : slice
        Where that lies in the wanted part.
    """
    for number in range(part.start // chunk, -(-part.stop // chunk)):
        first, last = max(part.start, number * chunk), min(part.stop, (number + 1) * chunk)
        origin = number * chunk
        yield (
            number,
            slice(first - origin, last - origin),
            slice(first - part.start, last - part.start),
        )


def assembled(
    region: tuple[slice, slice],
    chunk: tuple[int, int],
    dtype: np.dtype[Any],
    get: Callable[[int, int], NDArray[Any]],
) -> NDArray[Any]:
    """Put a region of a plane together from chunks.

    Parameters
    ----------
    region : pair of slice
        Rows and columns, within the plane.
    chunk : tuple of int
        Rows and columns of a chunk.
    dtype : numpy.dtype
        Pixel type of the result.
    get : callable
        From the numbers of a chunk along Y and X to its pixels.

    Returns
    -------
    ndarray, shape (Y, X)
        A copy.
    """
    shape = tuple(part.stop - part.start for part in region)
    result = np.empty(shape, dtype)
    for row, inside_y, place_y in overlaps(region[0], chunk[0]):
        for column, inside_x, place_x in overlaps(region[1], chunk[1]):
            result[place_y, place_x] = get(row, column)[inside_y, inside_x]
    return result
