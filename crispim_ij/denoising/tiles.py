"""Cut a plane into tiles that a network can take, so that no seam shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TileGrid:
    """Equal tiles that cover a plane.

    Each tile is read with a halo on all sides and answers for its core alone. With a
    halo of at least the receptive field, and cores that start on the pooling grid, the
    cores together are what the network makes of the whole plane.

    Attributes
    ----------
    plane : tuple of int
        Rows and columns of the plane, in px.
    core : tuple of int
        Rows and columns of a tile's core: multiples of the network's stride, in px.
    halo : int
        Margin on each side of the core, a multiple of the stride, in px.
    """

    plane: tuple[int, int]
    core: tuple[int, int]
    halo: int

    @classmethod
    def plan(cls, plane: tuple[int, int], largest: int, halo: int, stride: int) -> TileGrid:
        """Cover a plane with the fewest tiles, all of one size, as small as that allows.

        `largest` is the longest side of a core, at least `stride`; all lengths are in px.
        """
        longest = max(largest // stride, 1) * stride
        rows, columns = (_even_share(side, longest, stride) for side in plane)
        return cls(plane, (rows, columns), halo)

    @property
    def count(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        rows, columns = (-(-side // core) for side, core in zip(self.plane, self.core, strict=True))
        return rows, columns

    @property
    def margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How far the tiles reach beyond the plane: before and behind it, in Y and X, in px."""
        rows, columns = (
            (self.halo, self.halo + count * core - side)
            for count, core, side in zip(self.count, self.core, self.plane, strict=True)
        )
        return rows, columns

    def extend(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Mirror planes (..., Y, X) outwards, edge pixels repeated, as far as the tiles reach.

        That is NumPy's 'symmetric' padding by the halo, and at the far sides up to the end of the
        last core besides.
        """
        margins = [(0, 0)] * (plane.ndim - 2) + list(self.margins)
        return np.pad(plane, margins, mode="symmetric")

    def tiles(self) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Yield each tile's window in the extended plane, and its core's in the plane."""
        for row in range(0, self.plane[0], self.core[0]):
            for column in range(0, self.plane[1], self.core[1]):
                corner = (row, column)
                window = [
                    slice(start, start + core + 2 * self.halo)
                    for start, core in zip(corner, self.core, strict=True)
                ]
                core = [
                    slice(start, min(start + core, side))
                    for start, core, side in zip(corner, self.core, self.plane, strict=True)
                ]
                yield (window[0], window[1]), (core[0], core[1])


def _even_share(side: int, longest: int, stride: int) -> int:
    """Length of the parts, on the grid, when a side is cut into as few as can be."""
    parts = -(-side // longest)
    return -(-side // (parts * stride)) * stride
