"""Downsample planes and add noise to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from crispim_ij.parity import Engine, Plane
from crispim_ij.planes import Sink, Source
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocess.noise_plan import plan_noise
from crispim_ij.preprocess.record import make_record
from crispim_ij.preprocess.settings import PreprocessSettings, target_size

Result = TypeVar("Result")


def preprocess(
    source: Source,
    sink: Sink,
    clean_sink: Sink | None,
    settings: PreprocessSettings,
    engine: Engine,
    workers: int = 1,
    on_plane: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Downsample every plane, add noise to it and write it.

    The pixels are those of ImageJ's ``Size...`` and then, after
    ``random("seed", n)``, ``Add Specified Noise...``. Planes pass one at a time:
    memory does not grow with their number.

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
    on_plane : callable, optional
        Called after each plane is written.

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
    height, width = target_size(source.shape[1:], settings.factor)

    def computed(index: int) -> tuple[Plane, Plane | None]:
        clean = engine.resize(
            source.read(index), width, height, settings.interpolation, settings.average
        )
        noise = noises[index]
        if noise.sd == 0:
            return clean, clean
        # A stream that runs through the stack must meet its planes in order, below.
        return clean, None if settings.seed_stack else engine.noise(clean, noise.sd, noise.seed)

    for index, (clean, noisy) in enumerate(_in_order(computed, len(source), workers)):
        if clean_sink is not None:
            clean_sink.write(index, clean)
        if noisy is None:
            noisy = engine.noise(clean, noises[index].sd, noises[index].seed)
        sink.write(index, noisy)
        on_plane()
    return make_record(source, settings, engine, (height, width), noises)


def _in_order(function: Callable[[int], Result], count: int, workers: int) -> Iterator[Result]:
    """Apply a function to 0, 1, ...; one worker is this thread itself."""
    if workers == 1:
        return map(function, range(count))
    return prefetch(function, range(count), workers=workers, ahead=2 * workers)
