"""What all sinks share: names, types, the lock and the journal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import fresh_partial, remove_folders
from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.journal import Header, Journal, Record, check_same, make_header, read_journal
from crispim_ij.planes.lock import OutputLock
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.sink_settings import SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff.page_writer import Compression, Contents, PageWriter, choose_layout


def journal_path(output: Path, *, in_folder: bool) -> Path:
    """Return where the journal of an output is: in a folder of files, else beside the output."""
    if in_folder:
        return output / ".crispim-journal"
    return output.with_name(f".crispim-{output.name}.journal")


class Writing(ABC):
    """A sink without its files.

    Parameters
    ----------
    path : Path
        The output.
    source : Source
        Gives names, type and metadata.
    settings : SinkSettings
        How planes are written.
    in_folder : bool
        Whether the output is a folder that may hold other files, too.

    Attributes
    ----------
    path : Path
        The output.
    unit : tuple of int
        Rows and columns of what is written at once.
    in_order : bool
        Whether planes must come in their order.
    """

    in_order = False

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, *, in_folder: bool
    ) -> None:
        self.path = path
        self._source = source
        self._settings = settings
        self._compression = Compression(settings.compression)
        self._dtype = np.dtype(settings.dtype or source.dtype)
        rows, columns = source.shape[1:]
        self._shape = settings.plane_shape or (rows, columns)
        self._scale = rows / self._shape[0], columns / self._shape[1]
        self.unit = self._shape
        self._made: list[Path] = []
        self._journal_path = journal_path(path, in_folder=in_folder)
        self._lock = OutputLock(self._journal_path.with_suffix(".lock"), path)
        self._options: Mapping[str, Any] | None = None
        self._journal: Journal | None = None
        # Whether what lies there is of this run alone, and may be removed if it fails.
        self._anew = False

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep a journal; to go on with a run takes the same options, JSON-ready."""
        self._options = options

    @property
    def kept(self) -> int:
        """Planes, or parts of them, that are finished and safe."""
        return 0 if self._journal is None else int(self._journal.done.sum())

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether plane `index`, or its part that begins at a row and column, is finished."""
        return self._journal is not None and bool(self._journal.done[self._cell(index, at)])

    def _grid(self) -> tuple[int, int]:
        """Return rows and columns of the units of a plane."""
        rows, columns = (-(-side // u) for side, u in zip(self._shape, self.unit, strict=True))
        return rows, columns

    def _cell(self, index: int, at: tuple[int, int]) -> int:
        """Return the number of a unit among all."""
        rows, columns = self._grid()
        row, column = (place // u for place, u in zip(at, self.unit, strict=True))
        return (index * rows + row) * columns + column

    def _units(self) -> int:
        """Return how many units there are."""
        rows, columns = self._grid()
        return len(self._source) * rows * columns

    def _open(self, flush: Callable[[], None] = lambda: None) -> None:
        """Lock the output, and go on with a journal or begin one, if one is kept."""
        self._lock.acquire()
        self._anew = not self._open_journal(flush)

    def check(self) -> None:
        """Refuse what beginning would refuse, without writing anything."""
        self._lock.check()
        if self._options is not None:
            self._record_to_go_on_with(self._header(self._options))

    def _header(self, options: Mapping[str, Any]) -> Header:
        """Return what must not change between a run and one that goes on with it."""
        return make_header(self._source, options, self._output())

    def _record_to_go_on_with(self, header: Header) -> Record | None:
        """Return what a run has left that is to be gone on with, refusing another run's."""
        record = read_journal(self._journal_path) if self._settings.resume else None
        if record is not None:
            check_same(self.path, record.header, header)
        return record

    def _open_journal(self, flush: Callable[[], None]) -> bool:
        """Begin a journal if one is kept; return whether a run is gone on with."""
        if self._options is None:
            return False
        self._journal = Journal(self._journal_path, self._units(), flush)
        header = self._header(self._options)
        record = self._record_to_go_on_with(header)
        if record is not None:
            cells = self._surviving(record)
            if cells is not None:
                self._journal.resume(record, cells)
                return True
        self._journal.begin(header)
        return False

    @abstractmethod
    def _surviving(self, record: Record) -> list[int] | None:
        """Return which finished units are still there, None if it is all to be begun anew."""

    def _output(self) -> dict[str, Any]:
        """Return how planes are written, for the journal."""
        return {
            "--dtype": str(self._dtype),
            "--compression": self._compression.value,
            "size": list(self._shape),
        }

    def _contents(self, planes: int, metadata: Metadata) -> Contents:
        """Return what a TIFF of so many planes is to hold."""
        return Contents(
            planes=planes,
            shape=self._shape,
            dtype=self._dtype,
            metadata=metadata,
            source_dtype=self._source.dtype,
            scale=self._scale,
        )

    def _page_writer(self, target: Path, contents: Contents) -> PageWriter:
        """Open the hidden file that becomes `target`."""
        layout = choose_layout(contents, self._compression)
        return PageWriter(fresh_partial(target), contents, self._compression, layout)

    def _whole(self, index: int, pixels: NDArray[Any], at: tuple[int, int]) -> NDArray[Any]:
        """Return a whole plane in the output's type, having checked it."""
        if at != (0, 0):
            raise ValueError(f"{self.path} takes whole planes, not parts at {at}")
        return self._converted(index, pixels, self._shape)

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
        """Say what is finished as well as can be; return whether anything is worth keeping."""
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


class WholeWriting(Writing):
    """A sink whose output gets its name once it is whole; the parameters are `Writing`'s."""

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        worth_keeping = kind is None
        try:
            if kind is None:
                self._finish()
        except BaseException:
            worth_keeping = self._stop()
            raise
        else:
            if kind is not None:
                worth_keeping = self._stop()
        finally:
            self._leave(forget=not worth_keeping)

    @abstractmethod
    def _finish(self) -> None:
        """Give the output its name if it is whole."""

    @abstractmethod
    def _stop(self) -> bool:
        """Keep what is finished and safe, or remove it all; return which."""
