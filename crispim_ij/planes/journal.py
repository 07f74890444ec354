"""What a run leaves beside its output: a journal of what is finished, and a lock."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from crispim_ij import __version__
from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import whole_file, write_faults
from crispim_ij.planes.checks import TIFF_SUFFIXES, ZARR_SUFFIX, fingerprint

if TYPE_CHECKING:
    from crispim_ij.planes.source import Source

SECONDS_BETWEEN_SYNCS = 1.0
"""A killed run loses what it finished in this time, and no more."""

Header = Mapping[str, Any]


@dataclass(frozen=True)
class PastRun:
    """What a journal says of a run."""

    header: Header  # options, output and input
    done: list[int]  # cells that are finished, safe on disk
    finished: bool  # whether the run came to its end
    size: int  # bytes up to the end of the last whole line


def journal_of(output: Path) -> Path:
    """Return where an output's journal is: in a folder of planes, else beside the output."""
    if output.suffix.lower() in (*TIFF_SUFFIXES, ZARR_SUFFIX):
        return output.with_name(f".crispim-{output.name}.journal")
    return output / ".crispim-journal"


def make_header(source: Source, options: Mapping[str, Any], output: Mapping[str, Any]) -> Header:
    """Return, JSON-ready, what must not change between a run and the one that resumes it.

    The input is known by its files' names, sizes and times of change; `output` says how
    planes are written.
    """
    files = [[_relative(file, source.path), *fingerprint(file)] for file in source.files]
    header = {
        "crispim-ij": __version__,
        "options": dict(options),
        "output": dict(output),
        "input": {"shape": list(source.shape), "type": str(source.dtype), "files": files},
    }
    # As it will be read back.
    plain: Header = json.loads(json.dumps(header))
    return plain


def _relative(file: Path, origin: Path) -> str:
    """Return a file's name below the input, which may be moved as a whole."""
    return file.relative_to(origin).as_posix() if origin in file.parents else file.name


def read_journal(path: Path) -> PastRun | None:
    """Read a journal, of whose last line a part may be missing.

    None where there is no journal, or none whose first line is whole.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    done: list[int] = []
    header, finished, size = None, False, 0
    for line in lines:
        entry = _entry(line)
        if entry is None:
            break
        if header is None:
            header = entry
        done += entry.get("done", [])
        finished |= "finished" in entry
        size += len(line)
    return None if header is None else PastRun(header, done, finished, size)


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return a line's content, None where the line is not whole."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def check_same(output: Path, old: Header, new: Header) -> None:
    """Raise CrispimError, naming the first difference, if two runs' headers are not the same."""
    for key in ("crispim-ij", "options", "output", "input"):
        difference = _difference(key, old.get(key), new.get(key))
        if difference:
            raise CrispimError(
                f"'{output}' can't be resumed, since {difference}: to mix them is refused; "
                "give the same again, or --overwrite to start over."
            )


def _difference(name: str, old: Any, new: Any) -> str:
    """Return the first difference between two values in words, '' where there is none."""
    if old == new:
        return ""
    if name == "files" and isinstance(old, list):
        return _difference_of_files(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = ((key, old.get(key), new.get(key)) for key in {**old, **new})
        return next(filter(None, (_difference(*pair) for pair in pairs)), "")
    return f"{name} was {json.dumps(old)} when it was begun and is {json.dumps(new)} now"


def _difference_of_files(old: list[list[Any]], new: list[list[Any]]) -> str:
    """Return the first input file that is not what it was, in words."""
    before, now = ({entry[0]: entry[1:] for entry in files} for files in (old, new))
    for name in {**before, **now}:
        if name not in now:
            return f"the input's file '{name}' is gone"
        if name not in before:
            return f"the input has a new file '{name}'"
        if before[name] != now[name]:
            return f"the input's file '{name}' has changed since"
    return "the input's files are in another order"


class Journal:
    """An open journal: a line of JSON for the run, and one for each group of finished cells.

    Nothing is said to be finished before it is safe on disk: `flush` writes out what is
    buffered before files are synced. Cells are numbered from 0.
    """

    def __init__(self, path: Path, cells: int, flush: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.done: NDArray[np.bool_] = np.zeros(cells, np.bool_)
        self._flush = flush
        self._waiting: list[int] = []
        self._files: list[Path] = []
        self._lock = threading.Lock()
        self._synced = time.monotonic()

    def begin(self, header: Header) -> None:
        """Write a journal that says that nothing is finished."""
        with whole_file(self.path) as part:
            _append(part, header)
        sync_folder(self.path.parent)

    def resume(self, record: PastRun, cells: list[int]) -> None:
        """Continue a journal behind its last whole line; these of its cells are still there."""
        with write_faults(self.path), self.path.open("r+b") as file:
            file.truncate(record.size)
            os.fsync(file.fileno())
        self.done[cells] = True

    def note(self, cells: Iterable[int], files: Iterable[Path] = ()) -> None:
        """Say that cells are written, and to which files; every second this is synced to disk."""
        with self._lock:
            self._waiting += cells
            self._files += files
            if time.monotonic() - self._synced >= SECONDS_BETWEEN_SYNCS:
                self._sync()

    def sync(self) -> None:
        """Sync what was noted to disk now."""
        with self._lock:
            self._sync()

    def _sync(self) -> None:
        """Make files safe, then say so."""
        if self._waiting:
            self._flush()
            for file in self._files:
                sync_file(file)
            # Zarr makes no folder for chunks that hold nothing but zeros.
            for folder in {file.parent for file in self._files if file.parent.is_dir()}:
                sync_folder(folder)
            _append(self.path, {"done": self._waiting})
            self.done[self._waiting] = True
            # Not before: a full disk or Ctrl-C ends this anywhere, and it is tried once more.
            self._waiting, self._files = [], []
        self._synced = time.monotonic()

    def finish(self) -> None:
        """Say that the run is at its end; its output has its name."""
        _append(self.path, {"finished": True})

    def remove(self) -> None:
        """Remove the journal."""
        self.path.unlink(missing_ok=True)


class OutputLock:
    """A lock on an output, by a file, that the system releases when the process dies."""

    def __init__(self, file: Path, output: Path) -> None:
        self._file = file
        self._output = output
        # Not of one thread: a sink may be left in another than it was entered in.
        self._lock = FileLock(file, timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take the lock, or raise CrispimError where another run has it."""
        with write_faults(self._output):
            try:
                self._lock.acquire()
            except Timeout:
                raise CrispimError(
                    f"another run is writing to '{self._output}': wait for its end, or give "
                    "another output."
                ) from None

    def check(self) -> None:
        """Raise CrispimError where another run has it, without making a file."""
        if self._file.exists():
            self.acquire()
            self._lock.release()

    def release(self) -> None:
        """Give the lock back."""
        if not self._lock.is_locked:
            return
        # Windows removes no open file; elsewhere nobody may take the file in between.
        if os.name == "posix":
            self._file.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    """Append a line and make it safe."""
    with write_faults(path), path.open("ab") as file:
        # As ASCII: a name of a file may hold bytes that are no UTF-8.
        file.write(json.dumps(entry).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Make a file's content safe from a power cut; one that isn't there has none."""
    try:
        with write_faults(path), path.open("r+b") as file:
            os.fsync(file.fileno())
    except CrispimError as error:
        # Zarr leaves out chunks that hold nothing but zeros.
        if not isinstance(error.__cause__, FileNotFoundError):
            raise


def sync_folder(path: Path) -> None:
    """Make the names in a folder safe, where the system can."""
    if os.name != "posix":
        return
    with write_faults(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
