"""Downsample planes and add noise to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from crispim_ij.parity import Engine, Plane
from crispim_ij.planes import Sink, Source
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocessing.bands import fits_bands, preprocess_in_bands
from crispim_ij.preprocessing.noise_plan import plan_noise
from crispim_ij.preprocessing.record import make_record
from crispim_ij.preprocessing.run import Run
from crispim_ij.preprocessing.settings import PreprocessSettings, target_size

Result = TypeVar("Result")


def preprocess(
    source: Source,
    sink: Sink,
    clean_sink: Sink | None,
    settings: PreprocessSettings,
    engine: Engine,
    workers: int = 1,
    on_done: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:
    """Downsample every plane, add noise to it and write it.

    The pixels are those of ImageJ's ``Size...`` and then, after
    ``random("seed", n)``, ``Add Specified Noise...``. Planes pass one at a time:
    memory does not grow with their number. For sinks that write parts of planes they
    pass in bands of rows, where `fits_bands` says that they can. What the sinks have
    already is left out.

    Parameters
    ----------
    source : Source
        Planes of uint8, uint16 or float32.
    sink : Sink
        Takes the noisy planes, of `target_size`.
    clean_sink : Sink, optional
        Takes the same planes without noise.
    settings : PreprocessSettings
        What to do.
    engine : Engine
        Who does it: `crispim_ij.parity.NativeImageJ`, or a running ImageJ.
    workers : int
        Number of threads that compute. The pixels don't depend on it.
    on_done : callable, optional
        Called after each write, with the share of a plane that it was.

    Returns
    -------
    dict
        The record for `write_record`: settings, seeds, every plane's noise,
        ImageJ's version.

    Raises
    ------
    CrispimError
        If the planes or the settings don't fit ImageJ.
    """
    noises = plan_noise(source, settings)
    size = target_size(source.shape[1:], settings.factor)
    run = Run(source, sink, clean_sink, settings, engine, workers, noises, size)
    preprocess_planes(run, run.wanted(), on_done)
    return make_record(source, settings, engine, size, noises)


def preprocess_planes(
    run: Run, wanted: list[int], on_done: Callable[[float], None] = lambda _: None
) -> None:
    """Preprocess some planes of a run.

    Parameters
    ----------
    run : Run
        What is done with them.
    wanted : list of int
        Their indices, rising.
    on_done : callable
        Called after each write, with the share of a plane that it was.
    """
    if fits_bands(run):
        for index in wanted:
            preprocess_in_bands(run, index, on_done)
    else:
        _whole(run, wanted, on_done)


def _whole(run: Run, wanted: list[int], on_done: Callable[[float], None]) -> None:
    """Preprocess planes that are held as a whole."""
    settings, engine = run.settings, run.engine
    height, width = run.size

    def computed(index: int) -> tuple[Plane, Plane | None]:
        clean = engine.resize(
            run.source.read(index), width, height, settings.interpolation, settings.average
        )
        noise = run.noises[index]
        if noise.sd == 0:
            return clean, clean
        # A stream that runs through the stack must meet its planes in order, below.
        return clean, None if settings.seed_stack else engine.noise(clean, noise.sd, noise.seed)

    made = _in_order(computed, wanted, run.workers)
    for index, (clean, noisy) in zip(wanted, made, strict=True):
        if noisy is None:
            noisy = engine.noise(clean, run.noises[index].sd, run.noises[index].seed)
        run.write(index, clean, noisy)
        on_done(1)


def _in_order(
    function: Callable[[int], Result], indices: list[int], workers: int
) -> Iterator[Result]:
    """Apply a function to each index; one worker is this thread itself."""
    if workers == 1:
        return map(function, indices)
    return prefetch(function, indices, workers=workers, ahead=2 * workers)
