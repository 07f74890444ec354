"""ImageJ's Gaussian noise: `ImageProcessor.noise`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity import compiled
from crispim_ij.parity.java_random import JavaRandom, block_constants
from crispim_ij.parity.resize import Plane

_PIXELS_AT_ONCE = 4096


def add_noise(plane: Plane, sd: float, random: JavaRandom) -> Plane:
    """Add Gaussian noise as ``Process > Noise > Add Specified Noise...`` does.

    Every bit is that of ``ImageProcessor.noise`` of ImageJ 1.53q on a plane without a selection.
    Pixels are taken row by row. In 8-bit and 16-bit planes, for which `sd` is below 1e8, a draw is
    rounded half up, and drawn again until the sum fits the type; so the noise of dark and of
    saturated pixels is skewed, and later pixels get later draws. The generator is left where the
    next plane's noise begins.
    """
    pixels = np.ascontiguousarray(plane).reshape(-1)
    loops = compiled.kernels()
    if loops is not None:
        noisy = _add_compiled(loops, pixels, sd, random)
    elif plane.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            noisy = pixels + (random.gaussians(pixels.size) * sd).astype(np.float32)
    else:
        noisy = _add_integers(pixels, sd, random)
    return noisy.reshape(plane.shape)


def round_half_up(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round as Java's ``Math.round``: to the nearest integer, halves upwards."""
    below = np.floor(values)
    # Adding 0.5 first would round 0.49999999999999994 up.
    return (below + (values - below >= 0.5)).astype(np.int64)


def _add_compiled(
    loops: ModuleType, pixels: NDArray[Any], sd: float, random: JavaRandom
) -> NDArray[Any]:
    """Add noise by the compiled loops."""
    stream, jumps = loops.open_stream(random), block_constants()
    noisy: NDArray[Any]
    if pixels.dtype.kind == "f":
        noisy = loops.add_float_noise(pixels, float(sd), stream, jumps)
    else:
        top = int(np.iinfo(pixels.dtype).max)
        noisy = loops.add_integer_noise(pixels, float(sd), top, stream, jumps)
    loops.close_stream(stream, random)
    return noisy


def _add_integers(pixels: NDArray[Any], sd: float, random: JavaRandom) -> NDArray[Any]:
    """Add rounded noise, drawing again where the sum does not fit the type."""
    top = np.iinfo(pixels.dtype).max
    noisy = pixels.astype(np.int64)
    for start in range(0, noisy.size, _PIXELS_AT_ONCE):
        part = noisy[start : start + _PIXELS_AT_ONCE]
        before = JavaRandom(0)
        before.state, before.pending = random.state, random.pending
        sums = part + round_half_up(random.gaussians(part.size) * sd)
        if sums.min() < 0 or sums.max() > top:
            random.state, random.pending = before.state, before.pending
            sums = _add_one_by_one(part, sd, random, int(top))
        noisy[start : start + _PIXELS_AT_ONCE] = sums
    return noisy.astype(pixels.dtype)


def _add_one_by_one(
    pixels: NDArray[np.int64], sd: float, random: JavaRandom, top: int
) -> NDArray[np.int64]:
    """Give each pixel the first draw that fits."""
    sums: list[int] = []
    waiting = pixels.tolist()
    while len(sums) < len(waiting):
        # Every draw is used up, since each pixel takes at least one.
        draws = round_half_up(random.gaussians(len(waiting) - len(sums)) * sd)
        for draw in draws.tolist():
            total = waiting[len(sums)] + draw
            if 0 <= total <= top:
                sums.append(total)
    return np.array(sums, np.int64)
