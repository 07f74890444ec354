"""Options of runs on many workers, and what such runs say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import errors
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterClient, ClusterSettings

_PANEL = "On many workers (docs/cluster.md)"


class ClusterName(str, Enum):
    """Where workers can be started."""

    slurm = "slurm"
    lsf = "lsf"
    pbs = "pbs"
    local = "local"


Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Compute on the workers of a Dask scheduler that is running, such as "
        "tcp://node1:8786. [default: this process computes]",
        rich_help_panel=_PANEL,
    ),
]
Cluster = Annotated[
    ClusterName | None,
    typer.Option(
        help="Start Dask workers for this run: as jobs of a batch system, as your "
        "~/.config/dask/jobqueue.yaml says, or as processes on this machine. [default: none]",
        rich_help_panel=_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT",
        min=1,
        help="Worker processes that --cluster starts. [default: 8; for local one a core and "
        "2.5 GB of memory]",
        rich_help_panel=_PANEL,
    ),
]


def cluster_of(
    scheduler: str | None, cluster: ClusterName | None, workers: int | None
) -> ClusterSettings | None:
    """Read which workers a run is to have; None for a run in this process."""
    if scheduler is None and cluster is None:
        return None
    from crispim_ij.cluster import ClusterSettings

    return ClusterSettings(scheduler, None if cluster is None else cluster.value, workers)


def refuse_lone_workers(workers: int | None) -> None:
    """Refuse a number of workers where none are started."""
    if workers is not None:
        raise CrispimError(
            "--workers is how many processes --cluster starts: add that, or leave it out."
        )


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[ClusterClient]:
    """Find or start workers, and say where to watch them."""
    from crispim_ij.cluster import open_client

    with open_client(settings) as client:
        errors.print(f"Dask dashboard: {client.dashboard}", soft_wrap=True)
        yield client


def say_processors(kinds: set[str]) -> None:
    """Warn of pixels that may not be those of a run on one machine."""
    if len(kinds) > 1:
        errors.print(
            f"Note: {len(kinds)} kinds of processors took part, between which the last bit of a "
            "floating-point result may differ; choose nodes of one kind where that matters.",
            soft_wrap=True,
        )
