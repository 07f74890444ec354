"""Resolutions of a plane, each the mean of 2 x 2 pixels of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.sink_settings import ZarrSettings


@dataclass(frozen=True)
class Level:
    """One resolution of a plane.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns, in px.
    chunk : tuple of int
        Rows and columns of a chunk.
    unit : tuple of int
        Rows and columns of a file: a chunk, or a shard of several.
    """

    shape: tuple[int, int]
    chunk: tuple[int, int]
    unit: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of units."""
        rows, columns = (-(-side // u) for side, u in zip(self.shape, self.unit, strict=True))
        return rows, columns

    def place(self, row: int, column: int) -> tuple[slice, slice]:
        """Return rows and columns of a unit's pixels."""
        rows, columns = (
            slice(k * u, min((k + 1) * u, side))
            for k, u, side in zip((row, column), self.unit, self.shape, strict=True)
        )
        return rows, columns


def levels_of(shape: tuple[int, int], settings: ZarrSettings) -> list[Level]:
    """Lay out the resolutions of planes.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns in full resolution.
    settings : ZarrSettings
        Chunks and shards, and whether there are other resolutions.

    Returns
    -------
    list of Level
        Full resolution first; the last fits into a chunk, if there are others.
    """
    levels = [_level(shape, settings)]
    while settings.pyramid and max(levels[-1].shape) > settings.chunk:
        rows, columns = levels[-1].shape
        levels.append(_level((-(-rows // 2), -(-columns // 2)), settings))
    return levels


def _level(shape: tuple[int, int], settings: ZarrSettings) -> Level:
    """Lay out one resolution: neither chunks nor shards are larger than it needs."""
    chunk = min(settings.chunk, shape[0]), min(settings.chunk, shape[1])
    if settings.shard is None:
        return Level(shape, chunk, chunk)
    rows, columns = (
        min(settings.shard // settings.chunk, -(-side // c)) * c
        for side, c in zip(shape, chunk, strict=True)
    )
    return Level(shape, chunk, (rows, columns))


def halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Average 2 x 2 pixels each.

    Parameters
    ----------
    pixels : ndarray, shape (Y, X)
        Of an odd side the last pixels are averaged with each other alone.

    Returns
    -------
    ndarray, shape (ceil(Y / 2), ceil(X / 2))
        The means; of integers rounded half to even.
    """
    even = np.pad(pixels, [(0, side % 2) for side in pixels.shape], mode="edge")
    rows, columns = (side // 2 for side in even.shape)
    mean = even.reshape(rows, 2, columns, 2).mean(axis=(1, 3), dtype=np.float64)
    return to_dtype(mean, pixels.dtype)
