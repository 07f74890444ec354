"""What `crispim-ij denoise` does once it knows how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape

from crispim_ij.cli.cluster import crew_of, say_processors, showing_workers
from crispim_ij.cli.console import (
    console,
    errors,
    progress_bar,
    saying_what_is_kept,
    start_tensorflow,
)
from crispim_ij.denoising import DenoiseSettings, check_slices, denoise_stack, load_denoiser
from crispim_ij.denoising.denoiser import check_options, plan_tiles
from crispim_ij.denoising.uncertainty import load_error_model
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise, NoiseOptions, StackNoise, measure_noise, tell_noise
from crispim_ij.planes import Sink, Source, recorded_options
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterSettings

NOISE_RECORD = "noise told"
"""Where a journal keeps what was measured."""


@dataclass(frozen=True)
class Denoising:
    """What is denoised, where to, and how.

    Attributes
    ----------
    planes : Source
        Noisy planes.
    results : Sink
        Where they go, and their expected errors where these are wanted.
    dtype : numpy.dtype
        Pixel type of the denoised planes.
    model : Model
        The model.
    settings : DenoiseSettings
        How it is run.
    uncertain : bool
        Whether the expected errors are wanted.
    noise : StackNoise or None
        What the model is told of the noise; None for one that guesses it.
    """

    planes: Source
    results: Sink
    dtype: np.dtype
    model: Model
    settings: DenoiseSettings
    uncertain: bool
    noise: StackNoise | None = None

    def check(self) -> None:
        """Refuse what can't be done, before a network is loaded."""
        spec = self.model.spec
        plan_tiles((self.planes.shape[1], self.planes.shape[2]), spec, self.settings)
        check_slices(self.planes, spec.depth)
        if self.uncertain:
            load_error_model(self.model)

    @property
    def noises(self) -> list[CameraNoise] | None:
        """What the model is told of each plane."""
        return None if self.noise is None else self.noise.of_planes(self.planes)

    def kept(self, sink: Sink) -> int:
        """Return how many planes an earlier run has finished."""
        return sum(sink.has(k) for k in range(len(self.planes)))


def plan_noise(
    job: Denoising, output: Path, options: NoiseOptions, *, resume: bool, quiet: bool
) -> StackNoise | None:
    """Measure the noise and say it, or take what a run that is resumed was begun with.

    Models that guess the noise are told nothing, but what they can't remove is said.
    """
    spec = job.model.spec
    check_options(spec, options)
    if not spec.takes_noise:
        _say_misfit(job)
        return None
    recorded = recorded_options(output).get(NOISE_RECORD) if resume else None
    noise = StackNoise.from_record(recorded) if recorded else tell_noise(job.planes, options)
    say_noise(noise, quiet=quiet)
    return noise


def say_noise(noise: StackNoise, *, quiet: bool = False) -> None:
    """Print what was measured, unless quiet, and why to mistrust it."""
    if not quiet:
        for line in noise.lines:
            console.print(line, soft_wrap=True, markup=False)
    for problem in noise.problems:
        errors.print(f"[yellow]{escape(problem)}", soft_wrap=True)


def _say_misfit(job: Denoising) -> None:
    """Say where a model wasn't trained on such noise, and which models were."""
    from crispim_ij.models import list_models
    from crispim_ij.noise.suitability import judge, suitable, trained_noise

    if trained_noise(job.model.spec) is None:
        return
    for measured in measure_noise(job.planes):
        fit = judge(measured, job.model.spec)
        if fit.fits is not False:
            continue
        others = ", ".join(suitable(measured, list_models()))
        remedy = f" These models fit (--model): {others}." if others else ""
        errors.print(f"[yellow]{escape(fit.says + remedy)}", soft_wrap=True)


def denoise_here(job: Denoising, clock: Clock) -> int:
    """Denoise in this process; return how many planes were finished before."""
    with clock.measure("starting"):
        start_tensorflow()
        denoiser = load_denoiser(str(job.model.folder), job.settings, uncertain=job.uncertain)
    with (
        saying_what_is_kept(job.results),
        clock.sink(job.results) as sink,
        progress_bar("denoising", len(job.planes), "planes") as bar,
    ):
        kept, done = job.kept(sink), partial(bar.advance, bar.task_ids[0])
        done(kept)
        denoise_stack(
            clock.source(job.planes),
            sink,
            clock.denoiser(denoiser),
            done,
            denoiser.depth,
            job.noises,
        )
    return kept


def denoise_there(job: Denoising, where: ClusterSettings) -> int:
    """Denoise on many workers; return how many planes were finished before."""
    from crispim_ij.cluster import denoise_on

    with (
        saying_what_is_kept(job.results),
        crew_of(where) as crew,
        job.results as sink,
        progress_bar("denoising", len(job.planes), "planes") as bar,
    ):
        kept, done = job.kept(sink), partial(bar.advance, bar.task_ids[0])
        done(kept)
        kinds = denoise_on(
            crew,
            job.planes,
            sink,
            job.model,
            job.settings,
            uncertain=job.uncertain,
            noises=job.noises,
            dtype=job.dtype,
            on_done=done,
            on_wait=showing_workers(bar, crew),
        )
        say_processors(kinds)
    return kept
