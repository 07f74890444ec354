"""What travels to the workers: a job, sent once a worker, and what is checked before it begins."""

from __future__ import annotations

import pickle
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from crispim_ij.cluster.environment import processor, versions
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source

Task = TypeVar("Task")
Result = TypeVar("Result")
Given = TypeVar("Given", contravariant=True)
Made = TypeVar("Made", covariant=True)


class Job(Protocol[Given, Made]):
    """What is done with every task of a run."""

    def prepare(self) -> None:
        """Check, in a worker's process, that all is there; raise CrispimError if not."""

    def do(self, task: Given) -> Made:
        """Do one task. Done again, it gives the same."""

    def words(self, task: Given) -> str:
        """Say what is in a task, for messages."""


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What a worker sends back.

    Attributes
    ----------
    result : object
        The task's.
    seconds : float
        How long it took.
    processor : str
        Kind of the worker's processor.
    """

    result: Result
    seconds: float
    processor: str


class Parcel:
    """A job on its way; a worker's process unpacks and checks it once.

    Parameters
    ----------
    job : Job
        The job.
    """

    def __init__(self, job: Job[Any, Any]) -> None:
        self._content = pickle.dumps(job)
        self._versions = versions()
        self._set_up()

    def _set_up(self) -> None:
        self._lock = threading.Lock()
        self._job: Job[Any, Any] | None = None

    def __getstate__(self) -> tuple[bytes, dict[str, str | None]]:
        return self._content, self._versions

    def __setstate__(self, state: tuple[bytes, dict[str, str | None]]) -> None:
        self._content, self._versions = state
        self._set_up()

    def check(self) -> str:
        """Unpack the job and check that this process can do it; return the kind of processor."""
        with self._lock:
            if self._job is None:
                try:
                    check_versions(self._versions)
                    job: Job[Any, Any] = pickle.loads(self._content)  # noqa: S301 - our client's
                    job.prepare()
                except CrispimError as error:
                    raise CrispimError(f"On the worker {socket.gethostname()}: {error}") from error
                self._job = job
        return processor()

    def run(self, task: bytes) -> Answer[Any]:
        """Do a task that was pickled by `packed`."""
        self.check()
        assert self._job is not None
        begin = time.monotonic()
        result = self._job.do(pickle.loads(task))  # noqa: S301 - our client's
        return Answer(result, time.monotonic() - begin, processor())


def packed(task: object) -> bytes:
    """Pickle a task: schedulers, which need not know this package, pass it on as it is."""
    return pickle.dumps(task)


def check_versions(expected: dict[str, str | None]) -> None:
    """Refuse to compute with other versions than the run was begun with.

    Parameters
    ----------
    expected : dict
        Of packages, see `crispim_ij.cluster.environment.versions`.

    Raises
    ------
    CrispimError
        Naming the first that differs.
    """
    for name, found in versions().items():
        wanted = expected.get(name)
        if found != wanted:
            raise CrispimError(
                f"{name} is {found or 'not installed'}, but {wanted or 'not installed'} where the "
                "run was begun, and pixels could differ: install the same versions in both places."
            )


@dataclass(frozen=True)
class SeenFiles:
    """Files that must be the same wherever a run computes.

    Attributes
    ----------
    files : tuple
        For each its absolute path, size in bytes and time of change in seconds.
    """

    files: tuple[tuple[Path, int, int], ...]

    @classmethod
    def of(cls, source: Source) -> SeenFiles:
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


def words_of(source: Source, planes: list[int]) -> str:
    """Return the name of a task's first plane, and of the last where that is another."""
    first, last = source.names[planes[0]], source.names[planes[-1]]
    return f"'{first}'" if first == last else f"'{first}' to '{last}'"
