"""What `crispim-ij preprocess` does once it knows how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from crispim_ij.cli.cluster import crew_of, showing_workers
from crispim_ij.cli.console import progress_bar, saying_what_is_kept
from crispim_ij.parity import Engine
from crispim_ij.planes import Sink, Source
from crispim_ij.preprocessing import PreprocessSettings, preprocess
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterSettings

_MOST_THREADS = 4


@dataclass(frozen=True)
class Preprocessing:
    """What is preprocessed, where to, and how.

    Attributes
    ----------
    planes : Source
        The planes.
    noisy, clean : Sink
        Where they go with noise and, unless that is None, without.
    settings : PreprocessSettings
        What is done.
    engine : Engine
        Who does it.
    """

    planes: Source
    noisy: Sink
    clean: Sink | None
    settings: PreprocessSettings
    engine: Engine

    @property
    def sinks(self) -> list[Sink]:
        """That of the noisy planes first."""
        return [self.noisy] if self.clean is None else [self.noisy, self.clean]

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep journals that say what was done, with these options beside the settings."""
        engine = {"ImageJ": [self.engine.version, self.engine.engine]}
        for sink, noisy in zip(self.sinks, (True, False), strict=False):
            sink.record({**options, **engine, "noise": noisy, **self.settings.as_options()})

    def check(self) -> None:
        """Refuse what the outputs would refuse, without writing anything."""
        for sink in self.sinks:
            sink.check()

    def kept(self, sinks: list[Sink]) -> int:
        """Return how many planes an earlier run has finished."""
        return min(sum(sink.has(k) for k in range(len(self.planes))) for sink in sinks)


def preprocess_here(
    job: Preprocessing, workers: int | None, clock: Clock
) -> tuple[dict[str, Any], int]:
    """Preprocess in this process; return the record, and how many planes were finished before."""
    with ExitStack() as stack:
        stack.enter_context(saying_what_is_kept(*job.sinks))
        sinks = [stack.enter_context(clock.sink(sink)) for sink in job.sinks]
        bar = stack.enter_context(progress_bar("preprocessing", len(job.planes), "planes"))
        kept = job.kept(sinks)
        record = preprocess(
            clock.source(job.planes),
            sinks[0],
            sinks[1] if len(sinks) > 1 else None,
            job.settings,
            clock.engine(job.engine),
            workers or min(_MOST_THREADS, os.cpu_count() or 1),
            partial(bar.advance, bar.task_ids[0]),
        )
    return record, kept


def preprocess_there(job: Preprocessing, where: ClusterSettings) -> tuple[dict[str, Any], int]:
    """Preprocess on many workers; return what `preprocess_here` does."""
    from crispim_ij.cluster import preprocess_on

    with ExitStack() as stack:
        stack.enter_context(saying_what_is_kept(*job.sinks))
        crew = stack.enter_context(crew_of(where))
        sinks = [stack.enter_context(sink) for sink in job.sinks]
        bar = stack.enter_context(progress_bar("preprocessing", len(job.planes), "planes"))
        kept = job.kept(sinks)
        record = preprocess_on(
            crew,
            job.planes,
            sinks[0],
            sinks[1] if len(sinks) > 1 else None,
            job.settings,
            on_done=partial(bar.advance, bar.task_ids[0]),
            on_wait=showing_workers(bar, crew),
        )
    return record, kept
