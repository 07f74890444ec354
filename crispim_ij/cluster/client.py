"""The workers of a run: found, or started for it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import psutil

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import first_line

if TYPE_CHECKING:
    from distributed import Client

Kind = Literal["slurm", "lsf", "pbs", "local"]
_BATCH = {
    "slurm": ("SLURMCluster", "sbatch"),
    "lsf": ("LSFCluster", "bsub"),
    "pbs": ("PBSCluster", "qsub"),
}
_CONFIG = "~/.config/dask/jobqueue.yaml"
_BATCH_WORKERS = 8
_WORKER_BYTES = 5 * 2**29
"""Memory for each local worker: TensorFlow, and a tile of 1024 px."""
_SECONDS_BETWEEN_LOOKS = 2.0

PATIENCE = "10s"
"""How long a scheduler may take to answer."""


@dataclass(frozen=True)
class ClusterSettings:
    """Which workers a run is to have.

    Attributes
    ----------
    scheduler : str or None
        Address of a Dask scheduler that is running.
    kind : {'slurm', 'lsf', 'pbs', 'local'} or None
        Where workers are started: by a batch system, as its ``jobqueue.yaml`` says, or
        on this machine.
    workers : int or None
        How many processes are started; None takes one a core and 2.5 GB of memory on
        this machine, else 8.

    Raises
    ------
    CrispimError
        If the settings contradict each other.
    """

    scheduler: str | None = None
    kind: Kind | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.kind is not None:
            raise CrispimError(
                "--scheduler takes workers that are there and --cluster starts new ones: give one "
                "of them."
            )
        if self.scheduler is not None and self.workers is not None:
            raise CrispimError(
                "--workers says how many are started, and those of --scheduler exist already: "
                "leave it out."
            )

    @property
    def count(self) -> int:
        """How many workers are started."""
        if self.workers is not None:
            return self.workers
        if self.kind != "local":
            return _BATCH_WORKERS
        room = psutil.virtual_memory().total // _WORKER_BYTES
        return max(1, min(os.cpu_count() or 1, int(room)))


class ClusterClient:
    """A connection to a scheduler and its workers.

    Attributes
    ----------
    dask : distributed.Client
        The connection.
    dashboard : str
        Address of a page that shows what the workers do.
    processors : set of str
        The kinds of processors that have worked: between two kinds the last bit of a
        floating-point sum may differ.
    """

    def __init__(self, dask: Client) -> None:
        self.dask = dask
        self.dashboard: str = dask.dashboard_link
        self.processors: set[str] = set()
        self._threads: dict[str, int] = {}
        self._looked = 0.0

    @property
    def workers(self) -> int:
        """How many worker processes there are, as of a few seconds ago."""
        self._look()
        return len(self._threads)

    @property
    def threads(self) -> int:
        """How many tasks they can do at once."""
        self._look()
        return sum(self._threads.values())

    def _look(self) -> None:
        """Ask the scheduler, now and then."""
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        try:
            self._threads = self.dask.nthreads()
        except OSError:
            # The connection is being made again; futures say if it is lost for good.
            self._threads = {}
        self._looked = time.monotonic()


@contextmanager
def open_client(settings: ClusterSettings) -> Iterator[ClusterClient]:
    """Connect to a scheduler, or start one with its workers and stop them in the end.

    The client may come before the first worker is there. CrispimError if Dask isn't installed, no
    scheduler answers or none can be started.
    """
    library = _load_distributed()
    with ExitStack() as stack:
        if settings.scheduler is not None:
            client = _connected(library, settings.scheduler)
        else:
            cluster = _started(settings)
            stack.callback(_close, cluster)
            client = _client(library, cluster)
        stack.enter_context(client)
        yield ClusterClient(client)


def _load_distributed() -> ModuleType:
    """Import Dask's scheduler."""
    try:
        import distributed
    except ImportError as error:
        raise _missing(error) from None
    library: ModuleType = distributed
    return library


def _load_jobqueue() -> ModuleType:
    """Import what submits jobs, without its handlers of signals."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        import dask_jobqueue
    except ImportError as error:
        raise _missing(error) from None
    finally:
        # Its handler ends a process at once, as if all were well.
        for number, handler in handlers.items():
            signal.signal(number, handler)
    library: ModuleType = dask_jobqueue
    return library


def _missing(error: ImportError) -> CrispimError:
    return CrispimError(
        f"Runs on a cluster need Dask ({error}): pip install 'crispim-ij[cluster]'."
    )


def _connected(library: ModuleType, address: str) -> Any:
    """Connect to a scheduler that is running."""
    try:
        return _client(library, address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise CrispimError(
            f"No Dask scheduler answers at {address!r} (--scheduler): start one with "
            f"`dask scheduler` and give the address that it prints. ({first_line(error)})"
        ) from error


def _client(library: ModuleType, where: Any, **options: Any) -> Any:
    """Make a client; other versions on the workers are refused later, in our own words."""
    from distributed.versions import VersionMismatchWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        return library.Client(where, set_as_default=False, **options)


def _started(settings: ClusterSettings) -> Any:
    """Start a scheduler in this process, and workers."""
    if settings.kind is None or settings.kind == "local":
        return _started_locally(settings.count)
    library = _load_jobqueue()
    name, command = _BATCH[settings.kind]
    if shutil.which(command) is None:
        raise CrispimError(
            f"There is no command `{command}` here, which --cluster {settings.kind} submits jobs "
            "with: run this on a machine of that cluster, or choose another --cluster."
        )
    try:
        cluster = getattr(library, name)()
    except (ValueError, TypeError, OSError) as error:
        raise CrispimError(
            f"dask-jobqueue can't make jobs of its configuration ({first_line(error)}): set "
            f"cores, processes, memory and walltime for {settings.kind} in {_CONFIG}."
        ) from error
    try:
        cluster.sync(_submit_one, cluster)
    except RuntimeError as error:
        _close(cluster)
        said = [line for line in str(error).splitlines() if line][-1]
        raise CrispimError(
            f"`{command}` refuses a job ({said}): mend the settings for {settings.kind} in "
            f"{_CONFIG}."
        ) from error
    # Jobs that end or die are submitted again.
    cluster.adapt(minimum=settings.count, maximum=settings.count)
    return cluster


async def _submit_one(cluster: Any) -> None:
    """Submit the first job here, where an error is heard: later ones go to a log."""
    cluster.worker_spec.update(cluster.new_worker_spec())
    await cluster._correct_state()


def _close(cluster: Any) -> None:
    """Cancel jobs and end the scheduler."""
    # Dask won't have it that a job was never accepted.
    with suppress(AssertionError):
        cluster.close()


def _started_locally(workers: int) -> Any:
    """Start worker processes on this machine, of one thread each."""
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        # Tiles bound what a worker holds; Dask would pause it at a share of the machine's memory.
        memory_limit=0,
        dashboard_address="127.0.0.1:0",
        env={"TF_CPP_MIN_LOG_LEVEL": "3"},
        # Ctrl-C is for this process, which then ends them.
        preload=["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"],
        silence_logs=logging.CRITICAL,
    )
