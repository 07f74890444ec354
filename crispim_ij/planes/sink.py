"""Where planes go: the settings, what every sink does, and what those on disk share."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import make_folders, remove_folders
from crispim_ij.planes.journal import (
    Header,
    Journal,
    OutputLock,
    PastRun,
    check_same,
    journal_of,
    make_header,
    read_journal,
)
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.pixels import to_dtype
from crispim_ij.planes.provenance import History, Record, check_older, history, in_words
from crispim_ij.planes.source import Source

_LARGEST_SHARD = 2**14


class Compression(StrEnum):
    """How pixels are packed: zlib opens in ImageJ, zstd (Bio-Formats) is faster and smaller."""

    NONE = "none"
    ZLIB = "zlib"
    ZSTD = "zstd"


@dataclass(frozen=True)
class ZarrSettings:
    """How an OME-Zarr is laid out.

    Attributes
    ----------
    version : {'0.4', '0.5'} or None
        Of OME-NGFF: 0.4 is Zarr 2, which most programs read, 0.5 Zarr 3. None takes
        0.5 for shards, else 0.4.
    chunk : int
        Rows and columns of a chunk, in px; chunks are one plane thick.
    shard : int or None
        Rows and columns of a shard, the file that holds several chunks, in px: a
        multiple of `chunk`. None: each chunk is a file.
    pyramid : bool
        Whether resolutions are added, each half the one before in Y and X, until a
        plane fits into a chunk.

    Raises
    ------
    CrispimError
        If the settings contradict each other.
    """

    version: Literal["0.4", "0.5"] | None = None
    chunk: int = 1024
    shard: int | None = None
    pyramid: bool = False

    def __post_init__(self) -> None:
        if not (16 <= self.chunk <= _LARGEST_SHARD and self.chunk % 16 == 0):
            raise CrispimError(
                f"The chunks' side is {self.chunk} px; give a multiple of 16 from 16 to "
                f"{_LARGEST_SHARD} px."
            )
        if self.shard is None:
            return
        if self.shard % self.chunk or not self.chunk <= self.shard <= _LARGEST_SHARD:
            raise CrispimError(
                f"--shard is {self.shard}; give a multiple of the chunks' {self.chunk} px, at most "
                f"{_LARGEST_SHARD}."
            )
        if self.version == "0.4":
            raise CrispimError("--shard needs OME-Zarr 0.5: leave out --ome-zarr, or the shards.")

    @property
    def format(self) -> Literal["0.4", "0.5"]:
        """The version of OME-NGFF that is written."""
        return self.version or ("0.5" if self.shard else "0.4")


@dataclass(frozen=True)
class SinkSettings:
    """How planes are written.

    Attributes
    ----------
    dtype : numpy.dtype or None
        Pixel type: uint8, uint16, int16 or float32; None keeps the source's.
    compression : Compression
        none, zlib or zstd.
    overwrite : bool
        Whether files of the same names may be replaced.
    plane_shape : tuple of int or None
        Rows and columns; None keeps the source's. Pixels are taken to have grown or
        shrunk accordingly: the whole plane covers what it did.
    resume : bool
        Whether to continue a run into the same output that was stopped, if there is one.
    zarr : ZarrSettings
        How an OME-Zarr is laid out.
    """

    dtype: np.dtype[Any] | None = None
    compression: Compression = Compression.NONE
    overwrite: bool = False
    plane_shape: tuple[int, int] | None = None
    resume: bool = False
    zarr: ZarrSettings = ZarrSettings()


class Sink(ABC):
    """Planes that are written, in a `with` statement.

    Where the statement is left by an exception, everything this run wrote is removed,
    unless `record` was called before: then what is finished is kept, and
    ``SinkSettings.resume`` continues it. A subclass sets the attributes and writes; what
    is said here of journals holds for outputs on disk.

    Attributes
    ----------
    path : Path
        The folder or file.
    write_shape : tuple of int
        Rows and columns of a cell, which is what is written at once: a whole plane, or of an
        OME-Zarr a chunk or shard.
    in_order : bool
        Whether planes must come in their order.
    """

    path: Path
    write_shape: tuple[int, int]
    in_order: bool = False

    @property
    def finished_cells(self) -> int:
        """How many cells are finished and recorded."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:  # noqa: B027
        """Finish, or clean up after an exception."""

    def record(self, options: Mapping[str, Any]) -> None:  # noqa: B027
        """Keep a journal from the `with` statement on.

        The options, JSON-ready and under the names that users know, must be the same
        where a run is resumed.
        """

    def sign(self, record: Record) -> None:  # noqa: B027
        """Say in the output, from the `with` statement on, what made it.

        See `crispim_ij.planes.provenance`. Of a signed output no journal stays when it is finished.
        """

    def check(self) -> None:  # noqa: B027
        """Refuse what the `with` statement would refuse, without writing anything.

        After `record`, which says what a run that is resumed must have been.
        """

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:  # noqa: ARG002
        """Whether plane `index`, or its cell at a row and column, is finished already."""
        return False

    @abstractmethod
    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane, or whole cells of it from a row and column on.

        Pixels of any numeric type; float values for an integer type are rounded half to
        even and clipped. A folder and an OME-Zarr take planes in any order, a file in
        its own.
        """


class PairedSink(Sink):
    """A sink that takes two planes at once and writes each to an output of its own.

    Raises
    ------
    CrispimError
        If both are the same, or can't be written cell by cell alike.
    """

    def __init__(self, first: Sink, second: Sink) -> None:
        self.path, self.write_shape = first.path, first.write_shape
        self.in_order = first.in_order or second.in_order
        self._sinks = (first, second)
        self._opened = ExitStack()
        if first.path.absolute() == second.path.absolute():
            raise CrispimError(f"'{first.path}' is given for two outputs: name another for one.")
        if first.write_shape != second.write_shape:
            raise CrispimError(
                f"'{first.path}' and '{second.path}' are written in pieces of different sizes: "
                "give both outputs of one run the same kind of name, such as .zarr."
            )

    @property
    def finished_cells(self) -> int:
        """How many cells are finished and recorded in both outputs."""
        return min(sink.finished_cells for sink in self._sinks)

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for sink in self._sinks:
                opened.enter_context(sink)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep a journal of both, see `Sink.record`."""
        for sink in self._sinks:
            sink.record(options)

    def check(self) -> None:
        """Refuse what either output would refuse."""
        for sink in self._sinks:
            sink.check()

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether both outputs have a plane, or a cell of it, already."""
        return all(sink.has(index, at) for sink in self._sinks)

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (2, Y, X) pair, the first to the first output, where it isn't there yet."""
        for sink, plane in zip(self._sinks, np.asarray(pixels), strict=True):
            if not sink.has(index, at):
                sink.write(index, plane, at)


class DiskSink(Sink):
    """A sink without its files.

    Subclasses say how an output is begun (`_begin`), what a stopped run left of it
    (`_surviving`), how it ends (`_finish`, `_stop`, `_abandon`), and write planes. `written` is
    what an output that is to be resumed, and is whole, says of what made it.
    """

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, written: History = ()
    ) -> None:
        self.path = path
        self._written_before = written
        self._source = source
        self._settings = settings
        self._compression = Compression(settings.compression)
        self._dtype = np.dtype(settings.dtype or source.dtype)
        rows, columns = source.shape[1:]
        self._shape = settings.plane_shape or (rows, columns)
        self._scale = rows / self._shape[0], columns / self._shape[1]
        self.write_shape = self._shape
        self._made: list[Path] = []
        self._journal_path = journal_of(path)
        self._lock = OutputLock(self._journal_path.with_suffix(".lock"), path)
        self._options: Mapping[str, Any] | None = None
        self._journal: Journal | None = None
        self._record: Record | None = None
        # Whether what lies there is of this run alone, and may be removed if it fails.
        self._anew = False

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep a journal; to resume a run takes the same options, JSON-ready."""
        self._options = options

    def sign(self, record: Record) -> None:
        """Say in the output what made it."""
        # As it will be read back.
        self._record = json.loads(json.dumps({**record, **self._output()}))

    def _signed(self, metadata: Metadata) -> Metadata:
        """Return metadata with what this job adds to its history."""
        if self._record is None:
            return metadata
        return replace(metadata, history=history([*metadata.history, self._record]))

    def _forget(self) -> None:
        """End the journal of a run that is finished; what is signed needs none."""
        if self._journal is not None:
            self._journal.finish()
            if self._record is not None:
                self._journal.remove()

    @property
    def finished_cells(self) -> int:
        """How many cells are finished and safe on disk."""
        return 0 if self._journal is None else int(self._journal.done.sum())

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether plane `index`, or its cell that begins at a row and column, is finished."""
        row, column = (a // n for a, n in zip(at, self.write_shape, strict=True))
        return self._journal is not None and bool(
            self._journal.done[self._cell(index, row, column)]
        )

    def check(self) -> None:
        """Refuse what the `with` statement would refuse, without writing anything."""
        self._lock.check()
        if self._options is not None:
            self._past_run(self._header(self._options))

    def __enter__(self) -> Self:
        self._made = make_folders(self._journal_path.parent)
        try:
            self._lock.acquire()
            self._anew = not self._resume()
            self._begin()
        except BaseException:
            self._abandon()
            self._leave(forget=self._anew)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        worth_keeping = True
        try:
            if kind is None:
                self._finish()
            else:
                worth_keeping = self._stop()
        except BaseException:
            if kind is None:
                worth_keeping = self._stop()
            raise
        finally:
            self._leave(forget=not worth_keeping)

    @abstractmethod
    def _begin(self) -> None:
        """Open what is written to; `_anew` says whether a run is resumed."""

    @abstractmethod
    def _surviving(self, past: PastRun) -> list[int] | None:
        """Return which finished cells are still there, None if all must start over."""

    @abstractmethod
    def _finish(self) -> None:
        """Give the output its name if it is whole."""

    @abstractmethod
    def _stop(self) -> bool:
        """Keep what is finished and safe, or remove it all; return which."""

    def _abandon(self) -> None:
        """Remove what a beginning that failed has left."""

    def _flush(self) -> None:
        """Write out what is buffered, before the journal says that it is safe."""

    def _grids(self) -> list[tuple[int, int]]:
        """Return rows and columns of cells of a plane, in each resolution that is written."""
        rows, columns = (
            -(-side // n) for side, n in zip(self._shape, self.write_shape, strict=True)
        )
        return [(rows, columns)]

    def _cell(self, index: int, row: int, column: int, level: int = 0) -> int:
        """Return the number of a plane's cell among all cells."""
        grids = self._grids()
        before = len(self._source) * sum(rows * columns for rows, columns in grids[:level])
        return before + (index * grids[level][0] + row) * grids[level][1] + column

    def _cells(self) -> int:
        """Return how many cells there are."""
        return len(self._source) * sum(rows * columns for rows, columns in self._grids())

    def _header(self, options: Mapping[str, Any]) -> Header:
        return make_header(self._source, options, self._output())

    def _output(self) -> dict[str, Any]:
        """Return how planes are written, for the journal."""
        return {
            "--dtype": str(self._dtype),
            "--compression": self._compression.value,
            "size": list(self._shape),
        }

    def _past_run(self, header: Header) -> PastRun | None:
        """Return what is to be resumed, if anything is; refuse another run's."""
        if not self._settings.resume:
            return None
        past = read_journal(self._journal_path)
        if past is not None:
            check_same(self.path, past.header, header)
            return past
        return self._finished_run(header) if self._written_before else None

    def _finished_run(self, header: Header) -> PastRun:
        """Return the run that was finished and so left no journal; refuse another's output."""
        if self._record is None:
            raise CrispimError(
                f"the output '{self.path}' is there already, made by "
                f"{in_words(self._written_before[-1])}: give another, or --overwrite to replace it."
            )
        check_same(self.path, {"options": self._written_before[-1]}, {"options": self._record})
        check_older(self._source.files, self.path)
        return PastRun(header, list(range(self._cells())), finished=True, size=0)

    def _resume(self) -> bool:
        """Open the journal, if one is kept; return whether a run is resumed."""
        if self._options is None:
            return False
        self._journal = Journal(self._journal_path, self._cells(), self._flush)
        header = self._header(self._options)
        past = self._past_run(header)
        cells = None if past is None else self._surviving(past)
        if past is None or cells is None:
            self._journal.begin(header)
            return False
        if past.size:
            self._journal.resume(past, cells)
        else:
            self._journal.begin(header)
            self._journal.note(cells)
            self._journal.sync()
        return True

    def _converted(self, index: int, pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Return pixels in the output's type, having checked them."""
        if pixels.shape != shape:
            raise ValueError(f"plane {index} has shape {pixels.shape}, expected {shape}")
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            raise CrispimError(
                f"the result for '{self._source.names[index]}' holds NaN or infinite values "
                "and was not written: check the model and the settings."
            )
        return np.ascontiguousarray(to_dtype(pixels, self._dtype))

    def _save_journal(self) -> bool:
        """Sync the journal if that is possible; return whether anything is worth keeping."""
        if self._journal is not None:
            with suppress(CrispimError):
                self._journal.sync()
        return self.finished_cells > 0

    def _leave(self, *, forget: bool) -> None:
        """Unlock the output, and remove the journal if nothing is worth remembering."""
        if self._journal is not None and forget:
            self._journal.remove()
        self._lock.release()
        # Those alone that are empty.
        remove_folders(self._made)
