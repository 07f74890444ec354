"""How fast a model runs here, how long a whole run takes and what it writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.models import Model
from crispim_ij.networks.architectures import Precision
from crispim_ij.planes import Source, free_space

_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Trial:
    """One tile in one precision.

    Attributes
    ----------
    precision : {'float32', 'bfloat16'}
        Arithmetic of the convolutions.
    rate : float
        Megapixels a second.
    deviation : float
        Root mean square difference, in counts, from what float32 gives.
    """

    precision: Precision
    rate: float
    deviation: float


@dataclass(frozen=True)
class Forecast:
    """What denoising all planes takes.

    Attributes
    ----------
    seconds : float
        Time.
    size : int
        Bytes of the result, in the type of the planes and not compressed.
    free : int
        Bytes left where the preview was asked for.
    """

    seconds: float
    size: int
    free: int


@cache
def has_bfloat16(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether the processor computes in bfloat16, as far as the system tells."""
    try:
        words = set(cpu_info.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(words & _BFLOAT16)


def timed(denoiser: Denoiser, pixels: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Denoise, and measure how long it takes.

    Parameters
    ----------
    denoiser : Denoiser
        The model.
    pixels : ndarray, shape (depth, Y, X)
        Counts.

    Returns
    -------
    denoised : ndarray of float32, shape (Y, X)
        Counts.
    seconds : float
        Time.
    """
    started = time.perf_counter()
    result = denoiser(pixels if denoiser.depth > 1 else pixels[0])
    return result, time.perf_counter() - started


def try_precisions(model: Model, denoiser: Denoiser, tile: NDArray[Any]) -> list[Trial]:
    """Measure a tile in each precision that the processor has.

    Parameters
    ----------
    model : Model
        The model.
    denoiser : Denoiser
        The same in float32, which has run before.
    tile : ndarray, shape (depth, Y, X)
        Counts.

    Returns
    -------
    list of Trial
        float32, and bfloat16 where the processor has it.
    """
    pixels = tile.shape[-2] * tile.shape[-1] / 1e6
    expected, seconds = _best_of_two(denoiser, tile)
    trials = [Trial("float32", pixels / seconds, 0.0)]
    if has_bfloat16():
        other = Denoiser(model, DenoiseSettings("bfloat16")).told(denoiser.noise)
        timed(other, tile)  # is compiled at first
        result, seconds = _best_of_two(other, tile)
        deviation = float(np.sqrt(np.mean((result - expected) ** 2)))
        trials.append(Trial("bfloat16", pixels / seconds, deviation))
    return trials


def _best_of_two(denoiser: Denoiser, tile: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Measure twice, as other programs may be in the way."""
    (result, first), (_, second) = timed(denoiser, tile), timed(denoiser, tile)
    return result, min(first, second)


def forecast(source: Source, seconds_a_megapixel: float) -> Forecast:
    """Foretell a whole run.

    Parameters
    ----------
    source : Source
        All planes.
    seconds_a_megapixel : float
        What was measured.

    Returns
    -------
    Forecast
        Time and disk.
    """
    pixels = float(np.prod(source.shape, dtype=float))
    return Forecast(
        seconds=pixels / 1e6 * seconds_a_megapixel,
        size=int(pixels * source.dtype.itemsize),
        free=free_space(Path.cwd()),
    )
