"""An OME-Zarr that takes planes, or parts of planes, in any order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.atomic import make_folders, partial_path, write_faults
from crispim_ij.planes.journal import Record, sync_folder
from crispim_ij.planes.ome_zarr.arrays import ZarrArrays
from crispim_ij.planes.ome_zarr.metadata import to_image
from crispim_ij.planes.ome_zarr.pyramid import halved, levels_of
from crispim_ij.planes.sink_settings import SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.writing import WholeWriting


class ZarrSink(WholeWriting):
    """An OME-Zarr that gets its name when it is whole.

    Parameters
    ----------
    path : Path
        Its folder.
    source : Source
        Gives axes and metadata.
    settings : SinkSettings
        How planes are written.
    """

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings, in_folder=False)
        self._levels = levels_of(self._shape, settings.zarr)
        self.unit = self._levels[0].unit
        self._partial = partial_path(path)
        self._old = self._partial.with_suffix(".old")
        self._image = to_image(
            source.metadata,
            self._scale,
            len(self._levels),
            path.name.removesuffix(".zarr").removesuffix(".ome"),
            settings.zarr.format,
        )
        self._arrays: ZarrArrays | None = None
        # Whether each unit of each level is written, by this run or one before.
        self._written = np.zeros(self._units(), np.bool_)

    def _units(self) -> int:
        """Return how many units all levels have."""
        return len(self._source) * sum(rows * columns for rows, columns in self._grids())

    def _grids(self) -> list[tuple[int, int]]:
        """Return rows and columns of the units of each level."""
        return [level.grid for level in self._levels]

    def _number(self, level: int, index: int, row: int, column: int) -> int:
        """Return the number of a unit among those of all levels."""
        grids = self._grids()
        before = len(self._source) * sum(r * c for r, c in grids[:level])
        return before + (index * grids[level][0] + row) * grids[level][1] + column

    def _output(self) -> dict[str, Any]:
        """Return how planes are written, for the journal."""
        layout = asdict(self._settings.zarr) | {"version": self._settings.zarr.format}
        return super()._output() | {f"OME-Zarr {key}": value for key, value in layout.items()}

    def __enter__(self) -> ZarrSink:
        self._made = make_folders(self.path.parent)
        try:
            self._open()
            if self._anew or self._partial.exists():
                self._begin()
        except BaseException:
            if self._anew:
                shutil.rmtree(self._partial, ignore_errors=True)
            self._leave(forget=self._anew)
            raise
        return self

    def _surviving(self, record: Record) -> list[int] | None:
        """Return the units in what was written, or all of an OME-Zarr that has its name."""
        if self._partial.exists():
            # Where nothing is finished, the run may have been killed before it made the arrays.
            return record.done if record.done and not record.finished else None
        whole = len(set(record.done)) == self._units() and self.path.exists()
        return record.done if whole else None

    def _begin(self) -> None:
        """Create the arrays, or open them and make up for means that are missing."""
        with write_faults(self.path):
            if self._anew:
                shutil.rmtree(self._partial, ignore_errors=True)
                self._partial.mkdir()
            for file in () if self._anew else self._partial.rglob("*.partial"):
                file.unlink()
            sizes = dict(zip(self._source.metadata.axes, self._source.metadata.sizes, strict=True))
            self._arrays = ZarrArrays(self._partial, self._image, self._levels, sizes)
            if self._anew:
                self._arrays.create(self._dtype, self._compression)
        if self._journal is not None:
            self._written |= self._journal.done
        for level in range(1, len(self._levels)):
            for index in range(len(self._source)) if self._written.any() else ():
                for row, column in np.ndindex(self._levels[level].grid):
                    self._write_mean(level, index, row, column)

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) part of plane `index`: whole units, from a row and column on."""
        if self._arrays is None:
            raise ValueError("the OME-Zarr is not open, or is whole already")
        ends = [min(a + n, s) for a, n, s in zip(at, pixels.shape, self._shape, strict=True)]
        if any(a % u for a, u in zip(at, self.unit, strict=True)) or any(
            e % u and e != s for e, u, s in zip(ends, self.unit, self._shape, strict=True)
        ):
            raise ValueError(f"{pixels.shape} px at {at} are not whole units of {self.unit}")
        shape = ends[0] - at[0], ends[1] - at[1]
        converted = self._converted(index, pixels, shape)
        with write_faults(self.path):
            self._arrays.write(0, index, at, converted)
        cells = [
            (row, column)
            for row in range(at[0] // self.unit[0], -(-ends[0] // self.unit[0]))
            for column in range(at[1] // self.unit[1], -(-ends[1] // self.unit[1]))
        ]
        self._note(0, index, cells)
        if len(self._levels) > 1:
            for row, column in {(row // 2, column // 2) for row, column in cells}:
                self._write_mean(1, index, row, column)

    def _note(self, level: int, index: int, cells: list[tuple[int, int]]) -> None:
        """Say that units are written."""
        assert self._arrays is not None
        numbers = [self._number(level, index, *cell) for cell in cells]
        self._written[numbers] = True
        if self._journal is not None:
            files = (self._arrays.file(level, index, cell) for cell in cells)
            self._journal.note(numbers, files)

    def _write_mean(self, level: int, index: int, row: int, column: int) -> None:
        """Write a unit of a lower resolution once all that it is the mean of is written."""
        assert self._arrays is not None
        children = list(self._children(level, row, column))
        numbers = [self._number(level - 1, index, *child) for child in children]
        if self._written[self._number(level, index, row, column)]:
            return
        if not self._written[numbers].all():
            return
        own, below = self._levels[level], self._levels[level - 1]
        place = own.place(row, column)
        mean = np.empty([part.stop - part.start for part in place], self._dtype)
        with write_faults(self.path):
            for child in children:
                part = halved(self._arrays.read(level - 1, index, below.place(*child)))
                begin = [
                    p.start // 2 - o.start for p, o in zip(below.place(*child), place, strict=True)
                ]
                rows, columns = (slice(b, b + n) for b, n in zip(begin, part.shape, strict=True))
                mean[rows, columns] = part
            self._arrays.write(level, index, (place[0].start, place[1].start), mean)
        self._note(level, index, [(row, column)])
        if level + 1 < len(self._levels):
            self._write_mean(level + 1, index, row // 2, column // 2)

    def _children(self, level: int, row: int, column: int) -> Iterator[tuple[int, int]]:
        """Yield the units of the next finer level that a unit is the mean of."""
        rows, columns = self._levels[level - 1].grid
        for child_row in range(2 * row, min(2 * row + 2, rows)):
            for child_column in range(2 * column, min(2 * column + 2, columns)):
                yield child_row, child_column

    def _finish(self) -> None:
        """Give the OME-Zarr its name if it is whole."""
        if self._arrays is None:
            return
        if not self._written.all():
            raise ValueError(f"{self._written.sum()} of {self._written.size} units were written")
        if self._journal is not None:
            self._journal.sync()
        with write_faults(self.path):
            if self.path.exists():
                shutil.rmtree(self._old, ignore_errors=True)
                self.path.replace(self._old)
            self._partial.replace(self.path)
            shutil.rmtree(self._old, ignore_errors=True)
        sync_folder(self.path.parent)
        if self._journal is not None:
            self._journal.finish()

    def _stop(self) -> bool:
        """Keep the units that are safe, or remove it all; return which."""
        worth_keeping = self._save_journal()
        if not worth_keeping:
            shutil.rmtree(self._partial, ignore_errors=True)
        return worth_keeping
