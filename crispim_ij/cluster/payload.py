"""What travels to the workers, once to each, and what is checked there before it begins."""

from __future__ import annotations

import pickle
import platform
import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from crispim_ij.errors import CrispimError
from crispim_ij.machine import installed_versions, processor_flags
from crispim_ij.planes import Source

Task = TypeVar("Task")
Result = TypeVar("Result")
Given = TypeVar("Given", contravariant=True)
Made = TypeVar("Made", covariant=True)

_PACKAGES = ("numpy", "tensorflow", "keras", "tifffile", "imagecodecs", "zarr", "numcodecs")
"""What computes, reads and writes pixels."""

_VECTORS = ("avx", "fma", "amx", "sve", "asimd", "neon")


class Work(Protocol[Given, Made]):
    """What workers do with every task of a run."""

    def prepare(self) -> None:
        """Check, in a worker's process, that all is there; raise CrispimError if not."""

    def do(self, task: Given) -> Made:
        """Do one task. Done again, it gives the same."""

    def words(self, task: Given) -> str:
        """Say what is in a task, for messages."""


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """A task's result, as a worker sends it, how many seconds it took and on which processor."""

    result: Result
    seconds: float
    processor: str


class Payload:
    """Work on its way; a worker's process unpacks and checks it once."""

    def __init__(self, work: Work[Any, Any]) -> None:
        self._content = pickle.dumps(work)
        self._versions = installed_versions(*_PACKAGES)
        self._set_up()

    def _set_up(self) -> None:
        self._lock = threading.Lock()
        self._work: Work[Any, Any] | None = None

    def __getstate__(self) -> tuple[bytes, dict[str, str | None]]:
        return self._content, self._versions

    def __setstate__(self, state: tuple[bytes, dict[str, str | None]]) -> None:
        self._content, self._versions = state
        self._set_up()

    def run(self, pickled: bytes) -> Answer[Any] | CrispimError:
        """Do a task; where it is None, only check that this process can do the work.

        What the user must mend is returned: raised, it would be tried again.
        """
        try:
            work = self._unpacked()
            begin = time.monotonic()
            task = pickle.loads(pickled)  # noqa: S301 - our client's
            result = None if task is None else work.do(task)
        except CrispimError as error:
            return error
        return Answer(result, time.monotonic() - begin, processor())

    def _unpacked(self) -> Work[Any, Any]:
        with self._lock:
            if self._work is None:
                try:
                    check_versions(self._versions)
                    work: Work[Any, Any] = pickle.loads(self._content)  # noqa: S301 - our client's
                    work.prepare()
                except CrispimError as error:
                    raise CrispimError(f"On the worker {socket.gethostname()}: {error}") from error
                self._work = work
            return self._work


def check_versions(expected: dict[str, str | None]) -> None:
    """Refuse to compute with other versions than the run was begun with."""
    for name, found in installed_versions(*_PACKAGES).items():
        wanted = expected.get(name)
        if found != wanted:
            raise CrispimError(
                f"{name} is {found or 'not installed'}, but {wanted or 'not installed'} where the "
                "run was begun, and pixels could differ: install the same versions in both places."
            )


@cache
def processor() -> str:
    """Return the kind of processor, as far as it can change the last bit of a sum.

    That is the architecture and, where the system tells, the vector instructions that
    convolutions are chosen by.
    """
    vectors = sorted(flag for flag in processor_flags() if flag.startswith(_VECTORS))
    return " ".join([platform.machine(), *vectors])


@dataclass(frozen=True)
class InputFingerprint:
    """Files that must be the same wherever a run computes: path, bytes and time of change."""

    files: tuple[tuple[Path, int, int], ...]

    @classmethod
    def of(cls, source: Source) -> InputFingerprint:
        """Take note of the first and the last file of a source: not of 100,000."""
        chosen = dict.fromkeys((source.files[0], source.files[-1]))
        return cls(tuple(_seen(file.absolute()) for file in chosen))

    def check(self) -> None:
        """Raise CrispimError unless this machine sees them under the same names."""
        for file, *known in self.files:
            try:
                found = _seen(file)[1:]
            except OSError as error:
                raise CrispimError(
                    f"'{file}' can't be read there ({error.strerror}): put the input on a drive "
                    "that all machines have under the same path, or mount it there."
                ) from None
            if found != tuple(known):
                raise CrispimError(
                    f"'{file}' is another file there than where the run was begun: put the input "
                    "on a drive that all machines share."
                )


def _seen(file: Path) -> tuple[Path, int, int]:
    """Return a file's path, size and time of change."""
    status = file.stat()
    return file, status.st_size, int(status.st_mtime)
