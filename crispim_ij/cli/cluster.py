"""What runs on many workers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress

from crispim_ij.cli.console import errors
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterSettings, Crew


def refuse_lone_workers(workers: int | None) -> None:
    """Refuse a number of workers where none are started."""
    if workers is not None:
        raise CrispimError(
            "--workers is how many processes --cluster starts: add that, or leave it out."
        )


@contextmanager
def crew_of(settings: ClusterSettings) -> Iterator[Crew]:
    """Find or start workers, and say where to watch them."""
    from crispim_ij.cluster import opened_crew

    with opened_crew(settings) as crew:
        errors.print(f"Dask dashboard: {crew.dashboard}", soft_wrap=True)
        yield crew


def showing_workers(bar: Progress, crew: Crew) -> Callable[[], None]:
    """Return what keeps the number of workers beside the bar."""
    what = str(bar.tasks[0].description)

    def show() -> None:
        number = crew.workers
        words = f"on {number} worker{'' if number == 1 else 's'}" if number else "(no worker yet)"
        bar.update(bar.task_ids[0], description=f"{what} {words}")

    return show


def say_processors(kinds: set[str]) -> None:
    """Warn of pixels that may not be those of a run on one machine."""
    if len(kinds) > 1:
        errors.print(
            f"Note: {len(kinds)} kinds of processors took part, between which the last bit of a "
            "floating-point result may differ; choose nodes of one kind where that matters.",
            soft_wrap=True,
        )
