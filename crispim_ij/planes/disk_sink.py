"""What sinks on disk share: pixel type, lock, journal, and what is left when a run ends."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from crispim_ij.planes.sink import Compression, Sink, SinkSettings
from crispim_ij.planes.source import Source

if TYPE_CHECKING:
    from typing import Self


class DiskSink(Sink):
    """A sink without its files.

    Subclasses say how an output is begun (`_begin`), what a stopped run left of it
    (`_surviving`), how it ends (`_finish`, `_stop`, `_abandon`), and write planes.

    Parameters
    ----------
    path : Path
        The output.
    source : Source
        Gives names, type and metadata.
    settings : SinkSettings
        How planes are written.
    written : tuple of mapping
        What an output that is to be resumed, and is whole, says of what made it.
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
        self.unit = self._shape
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
    def kept(self) -> int:
        """How many units are finished and safe on disk."""
        return 0 if self._journal is None else int(self._journal.done.sum())

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether plane `index`, or its unit that begins at a row and column, is finished."""
        row, column = (place // u for place, u in zip(at, self.unit, strict=True))
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
        """Return which finished units are still there, None if all must start over."""

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
        """Return rows and columns of the units of a plane, in each resolution that is written."""
        rows, columns = (-(-side // u) for side, u in zip(self._shape, self.unit, strict=True))
        return [(rows, columns)]

    def _cell(self, index: int, row: int, column: int, level: int = 0) -> int:
        """Return the number of a plane's unit among all units."""
        grids = self._grids()
        before = len(self._source) * sum(rows * columns for rows, columns in grids[:level])
        return before + (index * grids[level][0] + row) * grids[level][1] + column

    def _units(self) -> int:
        """Return how many units there are."""
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
        return PastRun(header, list(range(self._units())), finished=True, size=0)

    def _resume(self) -> bool:
        """Open the journal, if one is kept; return whether a run is resumed."""
        if self._options is None:
            return False
        self._journal = Journal(self._journal_path, self._units(), self._flush)
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
        return self.kept > 0

    def _leave(self, *, forget: bool) -> None:
        """Unlock the output, and remove the journal if nothing is worth remembering."""
        if self._journal is not None and forget:
            self._journal.remove()
        self._lock.release()
        # Those alone that are empty.
        remove_folders(self._made)
