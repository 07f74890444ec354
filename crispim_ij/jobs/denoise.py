"""A denoising, described and checked before a plane is denoised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from crispim_ij import __version__
from crispim_ij.denoising import DenoiseSettings, check_slices
from crispim_ij.denoising.denoiser import check_options, check_size
from crispim_ij.denoising.uncertainty import load_error_model
from crispim_ij.jobs.output import Output, finished_share, planes_facts
from crispim_ij.models import Model, find_model
from crispim_ij.noise import (
    MEASURED,
    CameraNoise,
    NoiseOptions,
    StackNoise,
    camera_as_text,
    tell_noise,
)
from crispim_ij.planes import PairedSink, Sink, Source, create_sink, recorded_options
from crispim_ij.planes.blocks import Block, blocks_of
from crispim_ij.planes.provenance import KEY, MODEL_HASH

NOISE_RECORD = "noise told"
"""Where a journal keeps what was measured."""


@dataclass(frozen=True)
class DenoiseJob:
    """All that is known of a denoising before it begins.

    Made by `plan_denoising` or `plan_denoising_into`, and done by
    `crispim_ij.jobs.denoise_locally` or `crispim_ij.cluster.denoise_on`.

    Attributes
    ----------
    source : Source
        Noisy planes.
    sink : Sink
        Where denoised planes go, and their expected errors where these are wanted.
    model : Model
        What denoises.
    settings : DenoiseSettings
        How it is run.
    uncertain : bool
        Whether the expected errors are wanted.
    noise : StackNoise or None
        What the model is told of the noise; None for one that guesses it.
    outputs : tuple of Output
        What the sink writes to; none where planes stay in memory.
    recorded : mapping
        Options that decide what is written, JSON-ready, for journals.
    """

    source: Source
    sink: Sink
    model: Model
    settings: DenoiseSettings
    uncertain: bool = False
    noise: StackNoise | None = None
    outputs: tuple[Output, ...] = ()
    recorded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where planes go."""
        return (self.sink,)

    @cached_property
    def noises(self) -> list[CameraNoise] | None:
        """What the model is told of each plane."""
        return None if self.noise is None else self.noise.of_planes(self.source)

    def blocks(self) -> Iterator[Block]:
        """Cut what the opened sink lacks into parts."""
        deep = self.model.spec.depth > 1
        return blocks_of(self.source, self.sink, self.settings.tile, deep=deep)

    def finished(self) -> list[float]:
        """Return the share of each plane that the opened sink has; 1 is a whole plane."""
        planes, rows, columns = self.source.shape
        # Spares a new run to ask for each of perhaps millions of cells.
        if not self.sink.finished_cells:
            return [0.0] * planes
        return [finished_share(self.sink, k, (rows, columns)) for k in range(planes)]

    def facts(self) -> dict[str, Any]:
        """Describe input, outputs, model and noise, JSON-ready."""
        return {
            "input": planes_facts(self.source),
            "notes": list(self.source.notes),
            "outputs": [output.facts(self.source) for output in self.outputs],
            "model": {"name": self.model.spec.name, "sha256": self.model.spec.sha256},
            "noise": self.noise and self.noise.as_record(),
            "precision": self.settings.precision,
            "tile": self.settings.tile,
        }


def plan_denoising(
    source: Source,
    outputs: Sequence[Output],
    model: str | Model,
    settings: DenoiseSettings,
    told: NoiseOptions = MEASURED,
    options: Mapping[str, Any] | None = None,
    noise: StackNoise | None = None,
) -> DenoiseJob:
    """Plan to denoise planes into folders or files, and refuse what can't be done.

    Nothing is written yet. The noise is measured for a model that is told it, or is what a
    run that is resumed was begun with.

    Parameters
    ----------
    source : Source
        Noisy planes.
    outputs : sequence of Output
        Where the denoised planes go; a second one takes the expected errors, as float32.
    model : str or Model
        Name of a model, path of a model folder, or the model.
    settings : DenoiseSettings
        How it is run.
    told : NoiseOptions
        What the user says of the noise.
    options : mapping, optional
        More that journals keep, and that must be the same where the run is resumed, JSON-ready
        under the names that users know. Without it no journal is kept.
    noise : StackNoise, optional
        What is known of the noise already, such as from other stacks of the same camera.

    Returns
    -------
    DenoiseJob
        What is to be done.

    Raises
    ------
    CrispimError
        If an output can't be written, there is no such model, or planes, model and options
        don't fit.
    """
    results, *errors = outputs
    errors = [_as_float(output) for output in errors]
    sinks = [create_sink(one.path, source, one.settings) for one in (results, *errors)]
    sink = PairedSink(*sinks) if errors else sinks[0]
    record = recorded_options(results.path).get(NOISE_RECORD) if results.settings.resume else None
    if record:
        noise = StackNoise.from_record(record)
    job = plan_denoising_into(
        source, sink, model, settings, told, uncertain=bool(errors), noise=noise
    )
    for one, holds in zip(sinks, ("denoised planes", "expected errors"), strict=False):
        one.sign(_provenance(job, told, options or {}) | {"holds": holds})
    recorded = {
        **recorded_settings(job.model, settings, told, options or {}),
        NOISE_RECORD: job.noise and job.noise.as_record(),
        "--uncertainty": str(errors[0].path) if errors else None,
    }
    if options is not None:
        sink.record(recorded)
    return replace(job, outputs=(results, *errors), recorded=recorded)


def _provenance(job: DenoiseJob, told: NoiseOptions, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results say of what made them."""
    settings = recorded_settings(job.model, job.settings, told, options)
    said = {KEY: __version__, "model": job.model.spec.name, **settings}
    if job.noise is None:
        del said["--strength"]
    else:
        said["noise"] = [camera_as_text(channel) for channel in job.noise.channels]
    return {name: value for name, value in said.items() if value is not None}


def recorded_settings(
    model: Model, settings: DenoiseSettings, told: NoiseOptions, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what decides the pixels of any stack that is denoised so, for journals."""
    return {
        "command": "denoise",
        MODEL_HASH: model.spec.sha256,
        "--precision": settings.precision,
        "--tile": settings.tile,
        **options,
        "--strength": told.strength,
    }


def plan_denoising_into(
    source: Source,
    sink: Sink,
    model: str | Model,
    settings: DenoiseSettings,
    told: NoiseOptions = MEASURED,
    *,
    uncertain: bool = False,
    noise: StackNoise | None = None,
) -> DenoiseJob:
    """Plan as `plan_denoising` does, into one sink and without a journal.

    What costs nothing is checked before a noise that isn't known is measured.
    """
    found = find_model(model) if isinstance(model, str) else model
    check_size((source.shape[1], source.shape[2]), found.spec)
    check_slices(source, found.spec.depth)
    if uncertain:
        load_error_model(found)
    check_options(found.spec, told)
    if found.spec.takes_noise:
        noise = noise or tell_noise(source, told, learnt=found.spec.learnt_grain)
    return DenoiseJob(source, sink, found, settings, uncertain, noise)


def _as_float(output: Output) -> Output:
    """Return where expected errors go, which aren't whole counts."""
    return replace(output, settings=replace(output.settings, dtype=np.dtype("float32")))
