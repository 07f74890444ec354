"""A preprocessing, described and checked before a plane is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crispim_ij.jobs.output import Output, is_finished, planes_facts
from crispim_ij.parity import Engine, NativeImageJ, Plane
from crispim_ij.planes import Sink, Source, create_sink, recorded_options
from crispim_ij.planes.arrays import ArraySink
from crispim_ij.preprocessing import (
    PlaneNoise,
    PreprocessSettings,
    plan_noise,
    plane_noise,
    target_size,
)
from crispim_ij.preprocessing.record import make_record, write_record


@dataclass(frozen=True)
class PreprocessJob:
    """All that is known of a preprocessing before it begins.

    Made by `plan_preprocessing` or `plan_preprocessing_in_memory`, and done by
    `crispim_ij.jobs.preprocess_locally` or `crispim_ij.cluster.preprocess_on`.

    Attributes
    ----------
    source : Source
        The planes.
    noisy, clean : Sink
        Where they go with noise and, unless that is None, without.
    settings : PreprocessSettings
        What is done, with the stack's seed.
    size : tuple of int
        Rows and columns of the results.
    engine : Engine
        Who computes.
    outputs : tuple of Output
        What the sinks write to; none where planes stay in memory.
    """

    source: Source
    noisy: Sink
    clean: Sink | None
    settings: PreprocessSettings
    size: tuple[int, int]
    engine: Engine
    outputs: tuple[Output, ...] = ()

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where planes go: the noisy ones first."""
        return (self.noisy,) if self.clean is None else (self.noisy, self.clean)

    def noise(self, index: int) -> PlaneNoise:
        """Return the noise that a plane gets."""
        assert self.settings.seed is not None
        return plane_noise(self.settings, self.settings.seed, index)

    def wanted(self) -> list[int]:
        """Return the planes that are to be made, of which an opened sink lacks some."""
        missing = [k for k in range(len(self.source)) if not self._has(k)]
        # A stream that runs through the stack begins with its first plane in any case.
        return list(range(len(self.source))) if self.settings.seed_stack and missing else missing

    def finished(self) -> list[float]:
        """Return 1 for each plane that is left out, 0 for each that is made."""
        wanted = set(self.wanted())
        return [float(k not in wanted) for k in range(len(self.source))]

    def _has(self, index: int) -> bool:
        return all(is_finished(sink, index, self.size) for sink in self.sinks)

    def write(self, index: int, clean: Plane, noisy: Plane) -> None:
        """Write a plane to the sinks that lack it."""
        for sink, pixels in ((self.clean, clean), (self.noisy, noisy)):
            if sink is not None and not is_finished(sink, index, self.size):
                sink.write(index, pixels)

    def facts(self) -> dict[str, Any]:
        """Describe input, outputs and engine, JSON-ready."""
        return {
            "input": planes_facts(self.source),
            "notes": list(self.source.notes),
            "outputs": [output.facts(self.source) for output in self.outputs],
            "engine": {"name": self.engine.engine, "ImageJ": self.engine.version},
        }

    def record(self) -> dict[str, Any]:
        """Return what `write_records` keeps, so that the planes can be made again."""
        noises = [self.noise(k) for k in range(len(self.source))]
        return make_record(self.source, self.settings, self.engine, self.size, noises)

    def write_records(self) -> Path:
        """Write the record beside each output, and return where that of the noisy planes is."""
        record = self.record()
        paths = [
            write_record(record, output.path, noisy=noisy)
            for output, noisy in zip(self.outputs, (True, False), strict=False)
        ]
        return paths[0]


def plan_preprocessing(
    source: Source,
    outputs: Sequence[Output],
    settings: PreprocessSettings,
    engine: Callable[[], Engine],
    options: Mapping[str, Any] | None = None,
) -> PreprocessJob:
    """Plan to preprocess planes into folders or files, and refuse what can't be done.

    Nothing is written yet. A seed that is not given is drawn, or is what a run that is resumed
    was begun with.

    Parameters
    ----------
    source : Source
        Planes of uint8, uint16 or float32.
    outputs : sequence of Output
        Where the noisy planes go; a second one takes the same planes without noise. The
        planes' size is worked out here.
    settings : PreprocessSettings
        What is done.
    engine : callable
        Opens who computes, once all else is checked: `crispim_ij.parity.NativeImageJ`, or what
        starts an ImageJ.
    options : mapping, optional
        More that journals keep, and that must be the same where the run is resumed, JSON-ready
        under the names that users know. Without it no journal is kept.

    Returns
    -------
    PreprocessJob
        What is to be done.

    Raises
    ------
    CrispimError
        If an output can't be written, or planes and settings don't fit ImageJ.
    """
    first = outputs[0]
    if first.settings.resume and settings.seed is None:
        settings = replace(settings, seed=recorded_options(first.path).get("--seed"))
    settings = _seeded(source, settings)
    size = target_size(source.shape[1:], settings.factor)
    resized = [replace(o, settings=replace(o.settings, plane_shape=size)) for o in outputs]
    sinks = [create_sink(output.path, source, output.settings) for output in resized]
    opened = engine()
    if options is not None:
        by = {"command": "preprocess", "ImageJ": [opened.version, opened.engine]}
        for sink, noisy in zip(sinks, (True, False), strict=False):
            sink.record({**options, **by, "noise": noisy, **settings.as_options()})
    clean = sinks[1] if len(sinks) > 1 else None
    return PreprocessJob(source, sinks[0], clean, settings, size, opened, tuple(resized))


def plan_preprocessing_in_memory(
    source: Source, settings: PreprocessSettings
) -> tuple[PreprocessJob, ArraySink]:
    """Plan as `plan_preprocessing` does, natively, into an array that the sink holds."""
    settings = _seeded(source, settings)
    size = target_size(source.shape[1:], settings.factor)
    sink = ArraySink((len(source), *size), source.dtype)
    return PreprocessJob(source, sink, None, settings, size, NativeImageJ()), sink


def _seeded(source: Source, settings: PreprocessSettings) -> PreprocessSettings:
    """Check that ImageJ can do it, and draw a seed where none is given."""
    return replace(settings, seed=plan_noise(source, settings)[0].seed)
