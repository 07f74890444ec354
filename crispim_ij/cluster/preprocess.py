"""Preprocessing on many workers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from crispim_ij.cluster.collected import Collected, Unit
from crispim_ij.cluster.crew import Crew
from crispim_ij.cluster.pace import Pace
from crispim_ij.cluster.parcel import SeenFiles, words_of
from crispim_ij.cluster.tasks import run_tasks
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import Sink, Source
from crispim_ij.preprocessing import PreprocessSettings, plan_noise, plane_noise, target_size
from crispim_ij.preprocessing.record import make_record
from crispim_ij.preprocessing.run import Run
from crispim_ij.preprocessing.stack import preprocess_planes


@dataclass(frozen=True)
class PreprocessJob:
    """What workers need to preprocess planes.

    Attributes
    ----------
    source : Source
        The planes, which workers read themselves.
    files : SeenFiles
        What they must see.
    settings : PreprocessSettings
        What is done, with the run's seed.
    units : tuple
        Rows and columns of what is written at once, of the noisy and of the clean planes;
        None where those aren't wanted.
    """

    source: Source
    files: SeenFiles
    settings: PreprocessSettings
    units: tuple[tuple[int, int], tuple[int, int] | None]

    def prepare(self) -> None:
        """Check that the input is the client's."""
        self.files.check()

    def words(self, task: list[int]) -> str:
        """Name the first and last plane of a task."""
        return words_of(self.source, task)

    def do(self, task: list[int]) -> tuple[list[Unit], list[Unit]]:
        """Preprocess some planes; return noisy units and clean ones."""
        seed = self.settings.seed
        assert seed is not None
        noisy, clean = (None if unit is None else Collected(unit) for unit in self.units)
        assert noisy is not None
        noises = {k: plane_noise(self.settings, seed, k) for k in task}
        size = target_size(self.source.shape[1:], self.settings.factor)
        run = Run(self.source, noisy, clean, self.settings, NativeImageJ(), 1, noises, size)
        preprocess_planes(run, task)
        return noisy.units, [] if clean is None else clean.units


def preprocess_on(
    crew: Crew,
    source: Source,
    sink: Sink,
    clean_sink: Sink | None,
    settings: PreprocessSettings,
    *,
    on_done: Callable[[float], None] = lambda _: None,
    on_wait: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Preprocess a stack on a crew's workers, to the bytes of `preprocess`.

    Parameters
    ----------
    crew : Crew
        The workers, which must see the input as this process does.
    source : Source
        Planes of uint8, uint16 or float32.
    sink : Sink
        Takes the noisy planes. What it has already is left out.
    clean_sink : Sink, optional
        Takes the same planes without noise.
    settings : PreprocessSettings
        What to do. One stream of noise that runs through the stack (`seed_stack`) is
        added here, plane by plane, to what the workers downsample.
    on_done : callable
        Called after each task, with the number of its planes.
    on_wait : callable
        Called about once a second.

    Returns
    -------
    dict
        The record for `crispim_ij.preprocessing.write_record`.

    Raises
    ------
    CrispimError
        If planes and settings don't fit, or the workers can't do it.
    """
    noises = plan_noise(source, settings)
    size = target_size(source.shape[1:], settings.factor)
    engine = NativeImageJ()
    known = replace(settings, seed=noises[0].seed)
    run = Run(source, sink, clean_sink, known, engine, 1, noises, size)
    job = _job(run)
    pace = Pace()
    pixels = source.shape[1] * source.shape[2]
    tasks = pace.batches((k, pixels) for k in run.wanted())
    sinks = [sink] if clean_sink is None else [sink, clean_sink]
    in_order = settings.seed_stack or any(each.in_order for each in sinks)
    answers = run_tasks(crew, job, tasks, in_order=in_order, on_wait=on_wait)
    with closing(answers):
        for task, answer in answers:
            noisy, clean = answer.result
            if settings.seed_stack:
                _add_stream(run, noisy)
            else:
                _write(sink, noisy)
                if clean_sink is not None:
                    _write(clean_sink, clean)
            pace.learn(len(task) * pixels, answer.seconds)
            on_done(len(task))
    return make_record(source, known, engine, size, noises)


def _job(run: Run) -> PreprocessJob:
    """Return what the workers do of a run."""
    files = SeenFiles.of(run.source)
    if run.settings.seed_stack:
        without = replace(run.settings, noise_sd=(0.0, 0.0))
        return PreprocessJob(run.source, files, without, (run.size, None))
    clean = None if run.clean_sink is None else run.clean_sink.unit
    return PreprocessJob(run.source, files, run.settings, (run.sink.unit, clean))


def _add_stream(run: Run, units: list[Unit]) -> None:
    """Add to whole planes the noise that runs through all of them."""
    for index, _, clean in units:
        noise = run.noises[index]
        noisy = clean if noise.sd == 0 else run.engine.noise(clean, noise.sd, noise.seed)
        run.write(index, clean, noisy)


def _write(sink: Sink, units: list[Unit]) -> None:
    """Write what the sink lacks, where pixels are several units by the last of them."""
    for index, at, pixels in units:
        row, column = (
            a + (n - 1) // u * u for a, n, u in zip(at, pixels.shape, sink.unit, strict=True)
        )
        if not sink.has(index, (row, column)):
            sink.write(index, pixels, at)
