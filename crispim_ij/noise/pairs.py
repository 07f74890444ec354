"""Parts of planes with their neighbours along Z, on which noise is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crispim_ij.planes import Source

PLANES = 8
"""Planes of each channel that are read, spread over the stack."""

WINDOW = 1024
"""Longest side of what is read of a plane, in px: of larger ones each time another part."""

_CORNERS = ((0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0))


class Pair(NamedTuple):
    """A part of a plane, and the same of a neighbour along Z, where there is one.

    `origin` is the row and the column at which the part begins.
    """

    plane: NDArray[Any]
    beside: NDArray[Any] | None
    origin: tuple[int, int] = (0, 0)

    def part(self, rows: slice, columns: slice) -> Pair:
        """Return a part of both."""
        down, right = self.origin
        return Pair(
            self.plane[rows, columns],
            None if self.beside is None else self.beside[rows, columns],
            (down + rows.start, right + columns.start),
        )


def difference(pair: Pair) -> NDArray[np.float64]:
    """Return what is left of a plane without its neighbour, with the noise of one plane."""
    plane = np.asarray(pair.plane, np.float64)
    return plane if pair.beside is None else (plane - pair.beside) / np.sqrt(2)


def filled(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a plane has one value over at least 3 x 3 px, as in margins: without noise."""
    from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

    constant = maximum_filter(plane, 3) == minimum_filter(plane, 3)
    whole: NDArray[np.bool_] = binary_dilation(constant, np.ones((3, 3), np.bool_))
    return whole


def read_pairs(source: Source, stacks: NDArray[np.int64], count: int) -> Iterator[Pair]:
    """Read planes that are spread over stacks, each with a neighbour along Z.

    `stacks` has a row for each stack, with the numbers of the planes that lie above one another.
    `count` planes are read, all where there are fewer.
    """
    depth = stacks.shape[1]
    places = np.linspace(0, stacks.size - 1, min(count, stacks.size)).round().astype(int)
    for turn, place in enumerate(places.tolist()):
        stack, z = divmod(place, depth)
        part = _part(source.shape[1:], *_CORNERS[turn % len(_CORNERS)])
        beside = z + 1 if z + 1 < depth else z - 1
        yield Pair(
            source.read_region(int(stacks[stack, z]), *part),
            source.read_region(int(stacks[stack, beside]), *part) if depth > 1 else None,
            (part[0].start, part[1].start),
        )


def _part(shape: tuple[int, ...], down: float, right: float) -> tuple[slice, slice]:
    """Return rows and columns of a part that lies at a place from 0 to 1 along each side."""
    spare = [max(0, side - WINDOW) for side in shape]
    rows, columns = (
        slice(round(place * rest), round(place * rest) + min(WINDOW, side))
        for place, rest, side in zip((down, right), spare, shape, strict=True)
    )
    return rows, columns
