"""Downsample planes and add noise to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from crispim_ij.imagej import ImageJGateway
from crispim_ij.imagej.gateway import Plane
from crispim_ij.planes import Sink, Source
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocess.noise_plan import plan_noise
from crispim_ij.preprocess.record import make_record
from crispim_ij.preprocess.settings import PreprocessSettings, target_size


def preprocess(
    source: Source,
    sink: Sink,
    clean_sink: Sink | None,
    settings: PreprocessSettings,
    gateway: ImageJGateway,
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
    gateway : ImageJGateway
        The ImageJ that does it.
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

    def resized(index: int) -> Plane:
        plane: NDArray[Any] = source.read(index)
        return gateway.resize(plane, width, height, settings.interpolation, settings.average)

    workers = min(4, os.cpu_count() or 1)
    planes = prefetch(resized, range(len(source)), workers=workers, ahead=2 * workers)
    for index, (clean, noise) in enumerate(zip(planes, noises, strict=True)):
        if clean_sink is not None:
            clean_sink.write(index, clean)
        sink.write(index, clean if noise.sd == 0 else gateway.noise(clean, noise.sd, noise.seed))
        on_plane()
    return make_record(source, settings, gateway, (height, width), noises)
