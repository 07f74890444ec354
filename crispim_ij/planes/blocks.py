"""Planes of any size, worked on block by block, with their surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.pixels import CACHE_BYTES
from crispim_ij.planes.selection import z_stacks

if TYPE_CHECKING:
    from crispim_ij.planes.sink import Sink
    from crispim_ij.planes.source import Source


@dataclass(frozen=True)
class Block:
    """A part of a plane, or all of it.

    Attributes
    ----------
    index : int
        The plane.
    rows, columns : slice
        The part, in px.
    share : float
        Which share of the plane it is.
    """

    index: int
    rows: slice
    columns: slice
    share: float

    @property
    def at(self) -> tuple[int, int]:
        """First row and column."""
        return self.rows.start, self.columns.start

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def blocks_of(source: Source, sink: Sink, longest: int, *, deep: bool = False) -> Iterator[Block]:
    """Cut planes along the cells in which a sink writes.

    Whole planes come in their order. Parts come in an order in which what a source
    decodes for one is at hand for its neighbours: all of a chunk's depth, then a
    part's neighbour to the right, within stripes that the chunk cache can hold, and
    then the row below.

    Parameters
    ----------
    source : Source
        The planes.
    sink : Sink
        Where they go, in the same size. What it has already is left out.
    longest : int
        Longest side of a part in px, if the sink's cell is not longer.
    deep : bool
        Whether neighbours along Z are needed, too: then a part of all planes of a
        stack comes before the next part.

    Yields
    ------
    Block
        All that the sink lacks.
    """
    shape = source.shape[1], source.shape[2]
    for planes, (rows, columns) in _places(source, sink.write_shape, shape, longest, deep=deep):
        share = (rows.stop - rows.start) * (columns.stop - columns.start) / (shape[0] * shape[1])
        for index in planes:
            if not sink.has(index, (rows.start, columns.start)):
                yield Block(index, rows, columns, share)


def _places(
    source: Source, cell: tuple[int, int], shape: tuple[int, int], longest: int, *, deep: bool
) -> Iterator[tuple[list[int], tuple[slice, slice]]]:
    """Yield groups of planes, and the part of them that is worked on."""
    if cell == shape:
        yield list(range(len(source))), (slice(0, shape[0]), slice(0, shape[1]))
        return
    block = tuple(min(side, max(1, longest // n) * n) for side, n in zip(shape, cell, strict=True))
    stripe = _stripe(source, (block[0], block[1]))
    depth = source.shape[0] if deep else source.chunks[0]
    for stack in z_stacks(source.metadata, len(source)):
        for begin in range(0, len(stack), depth):
            planes = stack[begin : begin + depth].tolist()
            for left in range(0, shape[1], stripe):
                right = min(left + stripe, shape[1])
                for row in range(0, shape[0], block[0]):
                    rows = slice(row, min(row + block[0], shape[0]))
                    for column in range(left, right, block[1]):
                        yield planes, (rows, slice(column, min(column + block[1], right)))


def _stripe(source: Source, block: tuple[int, int]) -> int:
    """Return how wide a row of blocks may be whose chunks are kept for the row below it."""
    depth, rows, columns = source.chunks
    line = depth * (block[0] + 3 * rows) * source.dtype.itemsize
    return max(1, (CACHE_BYTES // line - 2 * columns) // block[1]) * block[1]


def read_mirrored(source: Source, index: int, rows: slice, columns: slice) -> NDArray[Any]:
    """Read a region that may reach beyond the plane, from start to before stop.

    Negative numbers lie before the plane. Beyond it, it is mirrored with its edge pixels repeated
    (NumPy's 'symmetric').
    """
    places = [
        _mirror(np.arange(part.start, part.stop), side)
        for part, side in zip((rows, columns), source.shape[1:], strict=True)
    ]
    origin = [int(place.min()) for place in places]
    box = [slice(first, int(place.max()) + 1) for first, place in zip(origin, places, strict=True)]
    pixels = source.read_region(index, box[0], box[1])
    if (box[0], box[1]) == (rows, columns):
        return pixels
    return pixels[np.ix_(places[0] - origin[0], places[1] - origin[1])]


def _mirror(places: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return where within a side places beyond it are mirrored to."""
    around = places % (2 * side)
    return np.minimum(around, 2 * side - 1 - around)
