"""Planes written as an OME-Zarr, or parts of planes, in any order, with or without a pyramid."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.atomic import partial_path, write_faults
from crispim_ij.planes.journal import PastRun, sync_file, sync_folder
from crispim_ij.planes.ome_zarr_metadata import ZarrImage, attributes_of, descriptions, to_image
from crispim_ij.planes.pixels import halved
from crispim_ij.planes.provenance import History
from crispim_ij.planes.sink import Compression, DiskSink, SinkSettings, ZarrSettings
from crispim_ij.planes.source import Source


@dataclass(frozen=True)
class Level:
    """How one resolution of a plane is laid out: rows and columns of it and of what it is cut into.

    A cell is a file: a chunk, or a shard of several.
    """

    shape: tuple[int, int]
    chunk: tuple[int, int]
    cell: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        rows, columns = (-(-side // n) for side, n in zip(self.shape, self.cell, strict=True))
        return rows, columns

    def place(self, row: int, column: int) -> tuple[slice, slice]:
        """Return rows and columns of a cell's pixels."""
        rows, columns = (
            slice(k * n, min((k + 1) * n, side))
            for k, n, side in zip((row, column), self.cell, self.shape, strict=True)
        )
        return rows, columns


def levels_of(shape: tuple[int, int], settings: ZarrSettings) -> list[Level]:
    """Lay out the resolutions of planes, full one first; the last of several fits into a chunk."""
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


class ZarrArrays:
    """The arrays of an image, one a resolution, in which planes have numbers.

    `sizes` has the lengths of T, C and Z, in the order in which planes are numbered.
    """

    def __init__(
        self,
        folder: Path,
        image: ZarrImage,
        levels: Sequence[Level],
        sizes: Mapping[str, int],
    ) -> None:
        self._folder = folder
        self._image = image
        self._levels = levels
        self._sizes = sizes
        self._open: dict[int, Any] = {}

    def create(self, dtype: np.dtype[Any], compression: Compression) -> None:
        """Create the group and its arrays."""
        import zarr

        version: Literal[2, 3] = 3 if self._image.version == "0.5" else 2
        group = zarr.create_group(
            self._folder, zarr_format=version, attributes=attributes_of(self._image)
        )
        outer = [self._sizes[axis.upper()] for axis in self._image.axes[:-2]]
        ones = (1,) * len(outer)
        for path, level in zip(self._image.paths, self._levels, strict=True):
            group.create_array(
                path,
                shape=(*outer, *level.shape),
                chunks=(*ones, *level.chunk),
                shards=None if level.cell == level.chunk else (*ones, *level.cell),
                dtype=dtype,
                fill_value=0,
                compressors=_compressors(compression, version),
                **(
                    {"dimension_names": tuple(self._image.axes)}
                    if version == 3
                    else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
                ),
            )
        for place in (self._folder, *(self._folder / path for path in self._image.paths)):
            for file in descriptions(place):
                sync_file(file)

    def _array(self, level: int) -> Any:
        """Return a resolution's array."""
        if level not in self._open:
            import zarr

            path = self._folder / self._image.paths[level]
            self._open[level] = zarr.open_array(path, mode="r+")
        return self._open[level]

    def _outer(self, index: int) -> tuple[int, ...]:
        """Return where a plane lies along the axes before Y and X."""
        numbers = np.unravel_index(index, tuple(self._sizes.values()))
        at = dict(zip(self._sizes, map(int, numbers), strict=True))
        return tuple(at[axis.upper()] for axis in self._image.axes[:-2])

    def write(self, level: int, index: int, at: tuple[int, int], pixels: NDArray[Any]) -> None:
        """Write pixels of a plane from a row and column on."""
        place = tuple(slice(a, a + n) for a, n in zip(at, pixels.shape, strict=True))
        self._array(level)[self._outer(index) + place] = pixels

    def read(self, level: int, index: int, place: tuple[slice, slice]) -> NDArray[Any]:
        """Return pixels of a plane."""
        return np.asarray(self._array(level)[self._outer(index) + place])

    def file(self, level: int, index: int, cell: tuple[int, int]) -> Path:
        """Return the file that a cell is in."""
        first = ("c",) if self._image.version == "0.5" else ()
        parts = (*first, *map(str, (*self._outer(index), *cell)))
        return self._folder.joinpath(self._image.paths[level], *parts)


def _compressors(compression: Compression, version: int) -> Any:
    """Return what packs chunks, in the words of a version of Zarr."""
    if compression is Compression.NONE:
        return None
    if version == 3:
        from zarr.codecs import GzipCodec, ZstdCodec

        return GzipCodec(level=6) if compression is Compression.ZLIB else ZstdCodec(level=3)
    import numcodecs  # type: ignore[import-untyped]

    packs = {Compression.ZLIB: numcodecs.Zlib(level=6), Compression.ZSTD: numcodecs.Zstd(level=3)}
    return packs[compression]


class ZarrSink(DiskSink):
    """An OME-Zarr that gets its name when it is whole."""

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, written: History = ()
    ) -> None:
        super().__init__(path, source, settings, written)
        self._levels = levels_of(self._shape, settings.zarr)
        self.write_shape = self._levels[0].cell
        self._partial = partial_path(path)
        self._old = self._partial.with_suffix(".old")
        self._arrays: ZarrArrays | None = None
        # Whether each cell of each level is written, by this run or one before.
        self._written = np.zeros(self._cells(), np.bool_)

    def _image(self) -> ZarrImage:
        """Return what the OME-Zarr says of itself."""
        return to_image(
            self._signed(self._source.metadata),
            self._scale,
            len(self._levels),
            self.path.name.removesuffix(".zarr").removesuffix(".ome"),
            self._settings.zarr.format,
        )

    def _grids(self) -> list[tuple[int, int]]:
        return [level.grid for level in self._levels]

    def _output(self) -> dict[str, Any]:
        """Return how planes are written, for the journal."""
        layout = asdict(self._settings.zarr) | {"version": self._settings.zarr.format}
        return super()._output() | {f"OME-Zarr {key}": value for key, value in layout.items()}

    def _surviving(self, past: PastRun) -> list[int] | None:
        """Return the cells in what was written, or all of an OME-Zarr that has its name."""
        if self._partial.exists():
            # Where nothing is finished, the run may have been killed before it made the arrays.
            return past.done if past.done and not past.finished else None
        whole = len(set(past.done)) == self._cells() and self.path.exists()
        return past.done if whole else None

    def _begin(self) -> None:
        """Create the arrays, or open them and make up for means that are missing."""
        if not (self._anew or self._partial.exists()):
            return
        with write_faults(self.path):
            if self._anew:
                shutil.rmtree(self._partial, ignore_errors=True)
                self._partial.mkdir()
            for file in () if self._anew else self._partial.rglob("*.partial"):
                file.unlink()
            sizes = self._source.metadata.lengths
            self._arrays = ZarrArrays(self._partial, self._image(), self._levels, sizes)
            if self._anew:
                self._arrays.create(self._dtype, self._compression)
        if self._journal is not None:
            self._written |= self._journal.done
        for level in range(1, len(self._levels)):
            for index in range(len(self._source)) if self._written.any() else ():
                for row, column in np.ndindex(self._levels[level].grid):
                    self._write_mean(level, index, row, column)

    def _abandon(self) -> None:
        if self._anew:
            shutil.rmtree(self._partial, ignore_errors=True)

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) part of plane `index`: whole cells, from a row and column on."""
        if self._arrays is None:
            raise ValueError("the OME-Zarr is not open, or is whole already")
        ends = [min(a + n, s) for a, n, s in zip(at, pixels.shape, self._shape, strict=True)]
        if any(a % n for a, n in zip(at, self.write_shape, strict=True)) or any(
            e % n and e != s for e, n, s in zip(ends, self.write_shape, self._shape, strict=True)
        ):
            raise ValueError(f"{pixels.shape} px at {at} are not whole cells of {self.write_shape}")
        shape = ends[0] - at[0], ends[1] - at[1]
        converted = self._converted(index, pixels, shape)
        with write_faults(self.path):
            self._arrays.write(0, index, at, converted)
        height, width = self.write_shape
        cells = [
            (row, column)
            for row in range(at[0] // height, -(-ends[0] // height))
            for column in range(at[1] // width, -(-ends[1] // width))
        ]
        self._note(0, index, cells)
        if len(self._levels) > 1:
            for row, column in {(row // 2, column // 2) for row, column in cells}:
                self._write_mean(1, index, row, column)

    def _note(self, level: int, index: int, cells: list[tuple[int, int]]) -> None:
        """Say that cells are written."""
        assert self._arrays is not None
        numbers = [self._cell(index, *cell, level) for cell in cells]
        self._written[numbers] = True
        if self._journal is not None:
            files = (self._arrays.file(level, index, cell) for cell in cells)
            self._journal.note(numbers, files)

    def _write_mean(self, level: int, index: int, row: int, column: int) -> None:
        """Write a cell of a lower resolution once all that it is the mean of is written."""
        assert self._arrays is not None
        children = list(self._children(level, row, column))
        numbers = [self._cell(index, *child, level - 1) for child in children]
        if self._written[self._cell(index, row, column, level)]:
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
        """Yield the cells of the next finer level that a cell is the mean of."""
        rows, columns = self._levels[level - 1].grid
        for child_row in range(2 * row, min(2 * row + 2, rows)):
            for child_column in range(2 * column, min(2 * column + 2, columns)):
                yield child_row, child_column

    def _finish(self) -> None:
        """Give the OME-Zarr its name if it is whole."""
        if self._arrays is None:
            self._forget()
            return
        if not self._written.all():
            raise ValueError(f"{self._written.sum()} of {self._written.size} cells were written")
        if self._journal is not None:
            self._journal.sync()
        with write_faults(self.path):
            if self.path.exists():
                shutil.rmtree(self._old, ignore_errors=True)
                self.path.replace(self._old)
            self._partial.replace(self.path)
            shutil.rmtree(self._old, ignore_errors=True)
        sync_folder(self.path.parent)
        self._forget()

    def _stop(self) -> bool:
        """Keep the cells that are safe, or remove it all; return which."""
        worth_keeping = self._save_journal()
        if not worth_keeping:
            shutil.rmtree(self._partial, ignore_errors=True)
        return worth_keeping
