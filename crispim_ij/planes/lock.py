"""One run at a time into one output."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import write_faults


class OutputLock:
    """A lock on an output that the system takes back when the process dies.

    Parameters
    ----------
    file : Path
        The lock's file, in an existing folder; gone when the lock is released.
    output : Path
        What is locked, for messages.
    """

    def __init__(self, file: Path, output: Path) -> None:
        self._file = file
        self._output = output
        # Not for the thread that asked alone: sinks are left where they were entered or elsewhere.
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
