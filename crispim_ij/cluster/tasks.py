"""Tasks run by a cluster: few at once, again where a worker died, in order where asked for."""

from __future__ import annotations

import itertools
import pickle
import queue
import secrets
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Generic

from crispim_ij import __version__
from crispim_ij.cluster.payload import Answer, Payload, Result, Task, Work
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from distributed import Client, Future

    from crispim_ij.cluster.client import ClusterClient

AHEAD = 3
"""Tasks that are handed out for each thread of the workers."""

ROUNDS = 5
"""How often a task is done where a worker fails at it, or handed out after Dask gave it up.

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
    # How many tasks had succeeded when the workers of this one first died.
    succeeded: int | None = None


def run_tasks(
    client: ClusterClient, work: Work[Task, Result], tasks: Iterable[Task], *, in_order: bool
) -> Generator[tuple[Task, Answer[Result]] | None, None, None]:
    """Run tasks on a cluster's workers, and yield each with its answer; None while there is none.

    The work itself is sent once to each worker. Of the tasks, which may be endless, a few for each
    worker are handed out, and the next ones are not even asked for before results are taken: so
    memory is flat, on the scheduler and here, however many there are. Results come as they do, or
    `in_order`. CrispimError if a task fails, if workers keep dying of it, or if the scheduler is
    lost; what was handed out is cancelled.
    """
    run = _Run(client, work, iter(tasks), in_order)
    try:
        run.check()
        run.hand_out()
        while run.slots:
            yield from run.arrived()
            run.hand_out()
    finally:
        run.cancel()


class _Run(Generic[Task, Result]):
    """The tasks that are handed out, oldest first."""

    def __init__(
        self, client: ClusterClient, work: Work[Task, Result], tasks: Iterator[Task], in_order: bool
    ) -> None:
        self.slots: OrderedDict[int, _Slot[Task]] = OrderedDict()
        self._cluster = client
        self._client: Client = client.dask
        self._work = work
        self._name = f"crispim-{secrets.token_hex(8)}"
        self._numbers = itertools.count()
        self._tasks = tasks
        self._in_order = in_order
        self._inbox: queue.Queue[_Slot[Task]] = queue.Queue()
        self._succeeded = 0
        self._payload = self._sent()

    def _sent(self) -> Future:
        """Give the workers what they fetch once each.

        In words that every scheduler knows, since it unpickles what it is sent; and as
        a task, because a result that is lost with a worker is made again, and data that
        are sent are not.
        """
        key = (f"{self._name}-work", next(self._numbers))
        content = pickle.dumps(Payload(self._work))
        return self._client.submit(pickle.loads, content, key=key, pure=False, retries=ROUNDS - 1)

    def check(self) -> None:
        """Check on one worker that the work can be done; each checks it again for itself."""
        slot: _Slot[Any] = _Slot(-1, None)
        while slot.future is None or self._fetched(slot) is None:
            self._submit(slot)

    def hand_out(self) -> None:
        """Hand tasks out, as many as there may be at once."""
        most = AHEAD * max(1, self._cluster.threads)
        for task in itertools.islice(self._tasks, max(0, most - len(self.slots))):
            slot = _Slot(next(self._numbers), task)
            self.slots[slot.number] = slot
            self._submit(slot)

    def _submit(self, slot: _Slot[Task]) -> None:
        """Hand a task out; where it fails on a worker, Dask has it done again."""
        slot.finished = False
        slot.future = self._client.submit(
            methodcaller("run", pickle.dumps(slot.task)),
            self._payload,
            key=(f"{self._name}-task", slot.number, slot.rounds),
            pure=False,
            retries=ROUNDS - 1,
        )
        slot.future.add_done_callback(lambda _: self._inbox.put(slot))

    def arrived(self) -> Iterator[tuple[Task, Answer[Result]] | None]:
        """Yield what has come, or None after waiting for it for a while."""
        try:
            slot = self._inbox.get(timeout=_SECONDS)
        except queue.Empty:
            yield None
            return
        if slot.number not in self.slots or slot.future is None:
            return
        slot.finished = True
        self._succeeded += slot.future.status == "finished"
        for ready in self._ready(slot):
            answer = self._fetched(ready)
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

    def _fetched(self, slot: _Slot[Any]) -> Answer[Any] | None:
        """Fetch an answer; None where the task is to be handed out again."""
        assert slot.future is not None
        try:
            answer: Answer[Any] | CrispimError = slot.future.result()
        except Exception as error:  # noqa: BLE001 - judged, and raised unless workers died
            self._judge(slot, error)
            return None
        if isinstance(answer, CrispimError):
            raise answer
        return answer

    def _judge(self, slot: _Slot[Any], error: Exception) -> None:
        """Raise what ended a task for good; count the deaths of workers that had it."""
        from distributed import KilledWorker

        if isinstance(error, CancelledError):
            raise CrispimError(
                "The connection to the scheduler was lost, or it dropped the tasks: see its log."
            ) from error
        if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("crispim_ij"):
            raise CrispimError(
                f"A worker lacks this version of crispim-ij ({error}): install {__version__} where "
                "the workers run."
            ) from error
        words = self._work.words(slot.task) if slot.number >= 0 else "the job's check"
        if not isinstance(error, KilledWorker):
            said = (str(error) or "no message").splitlines()[0]
            raise CrispimError(
                f"The workers failed {ROUNDS} times to do {words}, with {type(error).__name__} "
                f"({said}): look into their logs."
            ) from error
        slot.rounds += 1
        if slot.succeeded is None:
            slot.succeeded = self._succeeded
        if slot.rounds >= (ROUNDS if self._succeeded > slot.succeeded else HOPELESS):
            raise CrispimError(
                f"{slot.rounds * (error.allowed_failures + 1)} workers died with {words} in hand, "
                f"the last one {error.last_worker.address}: look into their logs; often they lack "
                "memory, which a smaller --tile or more memory for a worker mends."
            ) from error
        if self._payload.status == "error":
            self._payload = self._sent()

    def cancel(self) -> None:
        """Cancel what is outstanding, as far as the scheduler can still be told."""
        futures = [slot.future for slot in self.slots.values() if slot.future is not None]
        with suppress(OSError, TimeoutError, CancelledError):
            self._client.cancel([*futures, self._payload], force=True)
