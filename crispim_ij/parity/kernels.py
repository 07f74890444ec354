"""The inner loops of downsizing and noise as machine code, by numba."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity import java_random as java
from crispim_ij.parity.java_random import JavaRandom

Jumps: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint64]]
"""Multipliers and increments of 1, 2, ... steps of the generator."""

_PAIRS = 256
_MASK = np.uint64(java.MASK)
_STEPS = java.PAIR_STEPS
_C1, _C2, _C3, _C4, _C5, _C6, _C7 = java.COEFFICIENTS
_LN2_HIGH, _LN2_LOW = java.LN2_HIGH, java.LN2_LOW
_MIDDLE, _SHORT, _LONG = java.MIDDLE, java.SHORT_SERIES, java.LONG_SERIES


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
    step: int,
    regular: tuple[int, int],
) -> NDArray[np.float32]:
    """Sum along X by a `DownsizeTable`."""
    rows, columns = plane.shape[0], starts.size - 1
    first, last = regular
    sums = np.zeros((rows, columns), np.float32)
    # Every step-th pixel lies side by side here: regular outputs then add whole lines.
    phases = np.zeros((step, plane.shape[1] // max(step, 1)), np.float32)
    for y in range(rows):
        line, outputs = plane[y], sums[y]
        for x in range(columns):
            if x < first or x >= last:
                total = np.float32(0)
                for term in range(starts[x], starts[x + 1]):
                    total += np.float32(line[sources[term]]) * weights[term]
                outputs[x] = total
        if first == last:
            continue
        for k in range(step):
            phase = phases[k]
            for x in range(phase.size):
                phase[x] = np.float32(line[k + step * x])
        inner = outputs[first:last]
        for term in range(starts[first], starts[first + 1]):
            source, weight = np.int64(sources[term]), weights[term]
            shifted = phases[source % step, source // step :]
            for x in range(inner.size):
                inner[x] += shifted[x] * weight
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


class Stream(NamedTuple):
    """Java's Gaussians, drawn by blocks; the arrays change with each draw.

    Attributes
    ----------
    begin : ndarray of uint64, shape (1,)
        The generator's state before the next block.
    states : ndarray of uint64, shape (steps,)
        Its states over a block.
    squares : ndarray of float64, shape (pairs + 1,)
        The sum of squares of each pair that was accepted.
    gaussians : ndarray of float64, shape (2 * pairs + 2,)
        The block's Gaussians.
    ends : ndarray of uint64, shape (pairs + 1,)
        The state after each pair.
    cursor : ndarray of int64, shape (2,)
        How many of the block's Gaussians are used, and how many there are.
    """

    begin: NDArray[np.uint64]
    states: NDArray[np.uint64]
    squares: NDArray[np.float64]
    gaussians: NDArray[np.float64]
    ends: NDArray[np.uint64]
    cursor: NDArray[np.int64]


def open_stream(random: JavaRandom) -> Stream:
    """Return the Gaussians that a generator would draw next."""
    stream = Stream(
        np.array([random.state], np.uint64),
        np.empty(_PAIRS * _STEPS, np.uint64),
        np.empty(_PAIRS + 1),
        np.empty(2 * _PAIRS + 2),
        np.empty(_PAIRS + 1, np.uint64),
        np.zeros(2, np.int64),
    )
    if random.pending is not None:
        # As the second of a pair whose first was used.
        stream.gaussians[1], stream.ends[0] = random.pending, random.state
        stream.cursor[:] = 1, 2
    return stream


def close_stream(stream: Stream, random: JavaRandom) -> None:
    """Leave a generator where the draws from its stream have led."""
    used = int(stream.cursor[0])
    if used:
        random.state = int(stream.ends[(used - 1) // 2])
        random.pending = float(stream.gaussians[used]) if used % 2 else None


@_compiled
def add_float_noise(
    pixels: NDArray[np.float32], sd: float, stream: Stream, jumps: Jumps
) -> NDArray[np.float32]:
    """Add noise to 32-bit pixels."""
    noisy = np.empty_like(pixels)
    gaussians = stream.gaussians
    used, drawn = stream.cursor[0], stream.cursor[1]
    for i in range(pixels.size):
        while used == drawn:
            used, drawn = 0, 2 * _draw_pairs(stream, jumps)
        noisy[i] = pixels[i] + np.float32(gaussians[used] * sd)
        used += 1
    stream.cursor[0], stream.cursor[1] = used, drawn
    return noisy


@_compiled
def add_integer_noise(
    pixels: NDArray[Any], sd: float, top: int, stream: Stream, jumps: Jumps
) -> NDArray[Any]:
    """Add rounded noise to 8-bit or 16-bit pixels, drawing again where a sum does not fit."""
    noisy = np.empty_like(pixels)
    gaussians = stream.gaussians
    used, drawn = stream.cursor[0], stream.cursor[1]
    for i in range(pixels.size):
        pixel = np.int64(pixels[i])
        while True:
            while used == drawn:
                used, drawn = 0, 2 * _draw_pairs(stream, jumps)
            scaled = gaussians[used] * sd
            used += 1
            below = math.floor(scaled)
            total = pixel + np.int64(below) + np.int64(scaled - below >= 0.5)
            if 0 <= total <= top:
                break
        noisy[i] = total
    stream.cursor[0], stream.cursor[1] = used, drawn
    return noisy


@numba.njit  # type: ignore[untyped-decorator]
def _draw_pairs(stream: Stream, jumps: Jumps) -> int:
    """Draw a block as `JavaRandom.gaussians` does; return how many pairs were accepted."""
    states, gaussians = stream.states, stream.gaussians
    multipliers, increments = jumps
    for step in range(states.size):
        states[step] = (multipliers[step] * stream.begin[0] + increments[step]) & _MASK
    stream.begin[0] = states[-1]
    pairs = 0
    for last in range(_STEPS - 1, states.size, _STEPS):
        v1 = 2.0 * _double(states[last - 3], states[last - 2]) - 1.0
        v2 = 2.0 * _double(states[last - 1], states[last]) - 1.0
        square = v1 * v1 + v2 * v2
        # Written in any case and kept by counting on: a branch would be guessed wrong too often.
        gaussians[2 * pairs], gaussians[2 * pairs + 1] = v1, v2
        stream.squares[pairs], stream.ends[pairs] = square, states[last]
        pairs += int((square < 1.0) & (square != 0.0))
    for pair in range(pairs):
        square = stream.squares[pair]
        multiplier = math.sqrt(-2.0 * _log(square) / square)
        gaussians[2 * pair] *= multiplier
        gaussians[2 * pair + 1] *= multiplier
    return pairs


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _double(first: np.uint64, second: np.uint64) -> float:
    """Make a float64 of 53 bits of two states, as Java's ``nextDouble``."""
    bits = ((first >> np.uint64(22)) << np.uint64(27)) + (second >> np.uint64(21))
    return float(np.int64(bits) * 2.0**-53)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _log(x: float) -> float:
    """Natural logarithm of a normal number, as `crispim_ij.parity.java_random.log`."""
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
