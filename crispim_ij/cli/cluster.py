"""What runs on many workers say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crispim_ij.cli.console import errors
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterClient, ClusterSettings


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
