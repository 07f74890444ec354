"""The inner loops of downsizing and noise as machine code, by numba."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity import fdlibm
from crispim_ij.parity.java_random import INCREMENT, MASK, MULTIPLIER

_A, _C, _MASK = np.uint64(MULTIPLIER), np.uint64(INCREMENT), np.uint64(MASK)
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = fdlibm.COEFFICIENTS
_LN2_HIGH, _LN2_LOW = fdlibm.LN2_HIGH, fdlibm.LN2_LOW
_MIDDLE, _SHORT, _LONG = fdlibm.MIDDLE, fdlibm.SHORT_SERIES, fdlibm.LONG_SERIES


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call, without the interpreter's lock, and keep the code on disk."""
    try:
        compiled: Callable[..., Any] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # No folder can be written where numba would keep it.
        compiled = numba.njit(nogil=True)(function)
    return compiled


@_compiled
def downsize_x(
    plane: NDArray[Any],
    starts: NDArray[np.uint64],
    sources: NDArray[np.uint64],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Sum along X by a `DownsizeTable`."""
    rows, columns = plane.shape[0], starts.size - 1
    sums = np.empty((rows, columns), np.float32)
    line = np.empty(plane.shape[1], np.float32)
    for y in range(rows):
        line[:] = plane[y]
        for x in range(columns):
            total = np.float32(0)
            for term in range(starts[x], starts[x + 1]):
                total += line[sources[term]] * weights[term]
            sums[y, x] = total
    return sums


@_compiled
def downsize_y(
    plane: NDArray[Any],
    starts: NDArray[np.uint64],
    sources: NDArray[np.uint64],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Sum along Y by a `DownsizeTable`."""
    rows, columns = starts.size - 1, plane.shape[1]
    sums = np.zeros((rows, columns), np.float32)
    for y in range(rows):
        for term in range(starts[y], starts[y + 1]):
            source, weight = sources[term], weights[term]
            for x in range(columns):
                sums[y, x] += np.float32(plane[source, x]) * weight
    return sums


@_compiled
def add_float_noise(
    pixels: NDArray[np.float32], sd: float, state: np.uint64, pending: float
) -> tuple[NDArray[np.float32], np.uint64, float]:
    """Add noise to 32-bit pixels; `pending` is NaN where no Gaussian is left over."""
    noisy = np.empty_like(pixels)
    for i in range(pixels.size):
        if math.isnan(pending):
            state, gaussian, pending = _gaussian_pair(state)
        else:
            gaussian, pending = pending, math.nan
        noisy[i] = pixels[i] + np.float32(gaussian * sd)
    return noisy, state, pending


@_compiled
def add_integer_noise(
    pixels: NDArray[Any], sd: float, top: int, state: np.uint64, pending: float
) -> tuple[NDArray[Any], np.uint64, float]:
    """Add rounded noise to 8-bit or 16-bit pixels, drawing again where a sum does not fit."""
    noisy = np.empty_like(pixels)
    for i in range(pixels.size):
        pixel = np.int64(pixels[i])
        while True:
            if math.isnan(pending):
                state, gaussian, pending = _gaussian_pair(state)
            else:
                gaussian, pending = pending, math.nan
            scaled = gaussian * sd
            below = math.floor(scaled)
            total = pixel + np.int64(below) + np.int64(scaled - below >= 0.5)
            if 0 <= total <= top:
                break
        noisy[i] = total
    return noisy, state, pending


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _gaussian_pair(state: np.uint64) -> tuple[np.uint64, float, float]:
    """Draw two Gaussians as `JavaRandom.gaussians` does."""
    while True:
        state, a = _double(state)
        state, b = _double(state)
        v1, v2 = 2.0 * a - 1.0, 2.0 * b - 1.0
        s = v1 * v1 + v2 * v2
        if 0.0 < s < 1.0:
            multiplier = math.sqrt(-2.0 * _log(s) / s)
            return state, v1 * multiplier, v2 * multiplier


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _double(state: np.uint64) -> tuple[np.uint64, float]:
    """Draw a float64 as `JavaRandom.next_double` does."""
    first = (state * _A + _C) & _MASK
    second = (first * _A + _C) & _MASK
    bits = ((first >> np.uint64(22)) << np.uint64(27)) + (second >> np.uint64(21))
    return second, np.int64(bits) * 2.0**-53


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _log(x: float) -> float:
    """Natural logarithm of a normal number, as `fdlibm.log`."""
    bits = np.float64(x).view(np.int64)
    high = bits >> 32
    mantissa = high & 0xFFFFF
    upper = (mantissa + _MIDDLE) & 0x100000
    k = np.float64((high >> 20) - 1023 + (upper >> 20))
    f = np.int64(((mantissa | (upper ^ 0x3FF00000)) << 32) | (bits & 0xFFFFFFFF)).view(np.float64)
    f -= 1.0
    if (0xFFFFF & (2 + mantissa)) < 3:
        tail = f * f * (0.5 - 0.33333333333333333 * f) - k * _LN2_LOW
    else:
        s = f / (2.0 + f)
        z = s * s
        w = z * z
        series = z * (_C1 + w * (_C3 + w * (_C5 + w * _C7))) + w * (_C2 + w * (_C4 + w * _C6))
        if (mantissa - _SHORT) | (_LONG - mantissa) > 0:
            half_square = 0.5 * f * f
            tail = half_square - (s * (half_square + series) + k * _LN2_LOW)
        else:
            tail = s * (f - series) - k * _LN2_LOW
    return float(k * _LN2_HIGH - (tail - f))
