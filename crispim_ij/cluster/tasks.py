"""Tasks run by a crew: few at once, again where a worker died, in order where that is asked for."""

from __future__ import annotations

import itertools
import pickle
import queue
import secrets
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Generic

from crispim_ij import __version__
from crispim_ij.cluster.parcel import Answer, Job, Parcel, Result, Task, packed
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from distributed import Client, Future

    from crispim_ij.cluster.crew import Crew

AHEAD = 3
"""Tasks that are handed out for each thread of the workers."""

ROUNDS = 5
"""How often a task is handed out after Dask gave it up, or after a fault of a worker.

Dask gives a task up when 4 workers (its ``allowed-failures`` and 1) died that had it, be it its
fault or not. Where deaths cut off half of all attempts, one task in a million fails 20 times.
"""

HOPELESS = 50
"""The same while no other task succeeds: then workers may die of something else, or too soon."""

_SECONDS = 1.0


@dataclass(eq=False)
class _Slot(Generic[Task]):
    """A task that is handed out."""

    number: int
    task: Task
    future: Future | None = None
    rounds: int = 0
    finished: bool = False
    # How many tasks had succeeded when this one first failed.
    succeeded: int | None = None


def run_tasks(
    crew: Crew,
    job: Job[Task, Result],
    tasks: Iterable[Task],
    *,
    in_order: bool,
    on_wait: Callable[[], None] = lambda: None,
) -> Generator[tuple[Task, Answer[Result]], None, None]:
    """Run a job's tasks on a crew's workers.

    The job itself is sent once to each worker. Of the tasks a few for each worker are
    handed out, and the next ones are not even asked for before results are taken: so
    memory is flat, on the scheduler and here, however many there are.

    Parameters
    ----------
    crew : Crew
        The workers.
    job : Job
        What is done.
    tasks : iterable
        May be endless.
    in_order : bool
        Whether results are to come in the order of the tasks, rather than as they do.
    on_wait : callable
        Called about once a second.

    Yields
    ------
    task : object
        What was asked.
    answer : Answer
        Its result.

    Raises
    ------
    CrispimError
        If a task fails, if workers keep dying of it, or if the scheduler is lost. What
        was handed out is taken back.
    """
    run = _Run(crew, job, iter(tasks), in_order)
    try:
        run.check()
        run.hand_out()
        while run.slots:
            on_wait()
            yield from run.arrived()
            run.hand_out()
    finally:
        run.take_back()


class _Run(Generic[Task, Result]):
    """The tasks that are handed out, oldest first."""

    def __init__(
        self, crew: Crew, job: Job[Task, Result], tasks: Iterator[Task], in_order: bool
    ) -> None:
        self.slots: OrderedDict[int, _Slot[Task]] = OrderedDict()
        self._crew = crew
        self._client: Client = crew.client
        self._name = f"crispim-{secrets.token_hex(8)}"
        self._numbers = itertools.count()
        self._tasks = tasks
        self._in_order = in_order
        self._inbox: queue.Queue[_Slot[Task]] = queue.Queue()
        self._succeeded = 0
        self._send_job(job)

    def _send_job(self, job: Job[Task, Result]) -> None:
        """Give the workers what they fetch once each.

        In words that every scheduler knows, since it unpickles what it is sent; and as
        a task, because a result that is lost with a worker is made again, and data that
        are sent are not.
        """
        self._job = job
        self._parcel = self._client.submit(
            pickle.loads,
            pickle.dumps(Parcel(job)),
            key=(f"{self._name}-job", next(self._numbers)),
            pure=False,
        )

    def check(self) -> None:
        """Check on one worker that the job can be done; each checks it again for itself."""
        slot: _Slot[Any] = _Slot(-1, None)
        while not slot.finished:
            future = self._client.submit(methodcaller("check"), self._parcel, pure=False)
            slot.finished = self._fetched(future, slot) is not None

    def hand_out(self) -> None:
        """Hand tasks out, as many as there may be at once."""
        most = AHEAD * max(1, self._crew.threads)
        while len(self.slots) < most:
            try:
                slot = _Slot(next(self._numbers), next(self._tasks))
            except StopIteration:
                return
            self.slots[slot.number] = slot
            self._submit(slot)

    def _submit(self, slot: _Slot[Task]) -> None:
        slot.finished = False
        slot.future = self._client.submit(
            methodcaller("run", packed(slot.task)),
            self._parcel,
            key=(f"{self._name}-task", slot.number, slot.rounds),
            pure=False,
        )
        slot.future.add_done_callback(lambda _: self._inbox.put(slot))

    def arrived(self) -> Iterator[tuple[Task, Answer[Result]]]:
        """Yield what has come, after waiting for it for a while."""
        try:
            slot = self._inbox.get(timeout=_SECONDS)
        except queue.Empty:
            return
        slot.finished = True
        assert slot.future is not None
        self._succeeded += slot.future.status == "finished"
        for ready in self._ready(slot):
            assert ready.future is not None
            answer = self._fetched(ready.future, ready)
            if answer is None:
                self._submit(ready)
            else:
                del self.slots[ready.number]
                yield ready.task, answer

    def _ready(self, slot: _Slot[Task]) -> Iterator[_Slot[Task]]:
        """Yield what may be taken now that a task is finished; results wait on the workers."""
        if not self._in_order:
            yield slot
            return
        while self.slots and (oldest := next(iter(self.slots.values()))).finished:
            yield oldest

    def _fetched(self, future: Future, slot: _Slot[Any]) -> Any:
        """Fetch a result; None where the task is to be done again."""
        try:
            return future.result()
        except Exception as error:  # noqa: BLE001 - judged, and raised unless it is a worker's
            self._forgive(slot, error)
            return None

    def _forgive(self, slot: _Slot[Any], error: Exception) -> None:
        """Count a fault that may have been a worker's; raise any other."""
        from distributed import KilledWorker

        if isinstance(error, CrispimError):
            raise error
        if isinstance(error, CancelledError):
            raise CrispimError(
                "The connection to the scheduler was lost, or it dropped the tasks: see its log."
            ) from error
        if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("crispim_ij"):
            raise CrispimError(
                f"A worker lacks this version of crispim-ij ({error}): install {__version__} where "
                "the workers run."
            ) from error
        slot.rounds += 1
        killed = isinstance(error, KilledWorker)
        if slot.succeeded is None:
            slot.succeeded = self._succeeded
        others_do = self._succeeded > slot.succeeded or not killed
        if slot.rounds >= (ROUNDS if others_do else HOPELESS):
            words = self._job.words(slot.task) if slot.number >= 0 else "the job's check"
            raise CrispimError(_given_up(error, words, slot.rounds, killed=killed)) from error
        if self._parcel.status == "error":
            self._send_job(self._job)

    def take_back(self) -> None:
        """Cancel what is outstanding, as far as the scheduler can still be told."""
        futures = [slot.future for slot in self.slots.values() if slot.future is not None]
        with suppress(OSError, TimeoutError, CancelledError):
            self._client.cancel([*futures, self._parcel], force=True)


def _given_up(error: Any, words: str, rounds: int, *, killed: bool) -> str:
    """Say what ends a run."""
    if killed:
        return (
            f"{rounds * (error.allowed_failures + 1)} workers died with {words} in hand, the last "
            f"one {error.last_worker.address}: look into their logs; often they lack memory, "
            "which a smaller --tile or more memory for a worker mends."
        )
    said = (str(error) or "no message").splitlines()[0]
    return (
        f"The workers failed {rounds} times to do {words}, with {type(error).__name__} ({said}): "
        "look into their logs."
    )
