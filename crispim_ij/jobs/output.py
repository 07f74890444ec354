"""What a job takes and writes, as far as it is known before a pixel is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crispim_ij.planes import Sink, SinkSettings, Source, free_space

if TYPE_CHECKING:
    from crispim_ij.training.stacks import Planes

_PYRAMID = 4 / 3
"""Pixels of all resolutions, each half the one before, for one of the first."""


@dataclass(frozen=True)
class Output:
    """A folder or file that planes go to.

    Attributes
    ----------
    path : Path
        Where they go; its name says in which format, see `crispim_ij.planes.create_sink`.
    settings : SinkSettings
        How they are written.
    """

    path: Path
    settings: SinkSettings = field(default_factory=SinkSettings)

    def facts(self, source: Source) -> dict[str, Any]:
        """Describe what is written, JSON-ready; its bytes are those without compression."""
        settings = self.settings
        dtype = np.dtype(settings.dtype or source.dtype)
        rows, columns = settings.plane_shape or source.shape[1:]
        levels = _PYRAMID if settings.zarr.pyramid and self.path.suffix.lower() == ".zarr" else 1
        return {
            **planes_facts(source),
            "path": str(self.path),
            "rows": rows,
            "columns": columns,
            "type": str(dtype),
            "compression": settings.compression.value,
            "bytes": round(len(source) * rows * columns * dtype.itemsize * levels),
            "free": free_space(self.path),
        }


def planes_facts(source: Source | Planes) -> dict[str, Any]:
    """Describe the planes that are read, JSON-ready."""
    planes, rows, columns = source.shape
    return {
        "path": str(source.path),
        "planes": planes,
        "rows": rows,
        "columns": columns,
        "type": str(source.dtype),
    }


def is_finished(sink: Sink, index: int, size: tuple[int, int]) -> bool:
    """Whether an output has all of a plane of some rows and columns."""
    return all(sink.has(index, at) for at, _ in _cells(sink.write_shape, size))


def finished_share(sink: Sink, index: int, size: tuple[int, int]) -> float:
    """Return the share of a plane, of some rows and columns, that an output has: 1 for all."""
    finished = sum(pixels for at, pixels in _cells(sink.write_shape, size) if sink.has(index, at))
    return finished / (size[0] * size[1])


def _cells(cell: tuple[int, int], size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield where each cell of a plane begins, and how many pixels it has."""
    for row in range(0, size[0], cell[0]):
        for column in range(0, size[1], cell[1]):
            rows, columns = min(cell[0], size[0] - row), min(cell[1], size[1] - column)
            yield (row, column), rows * columns
