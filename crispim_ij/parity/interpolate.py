"""Sampling between pixels: what `ImageProcessor.resize` does without averaging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity.types import Interpolation

Floats: TypeAlias = NDArray[np.float64]

_ROWS_AT_ONCE = 64


def sample(
    plane: NDArray[Any], shape: tuple[int, int], interpolation: Interpolation
) -> NDArray[Any]:
    """Sample a plane at the positions that ImageJ takes for the pixels of another size.

    That is the nearest pixel towards the origin, bilinear, or cubic (Catmull-Rom, and bilinear
    within two pixels of the edge).
    """
    if shape == plane.shape:
        same: NDArray[Any] = plane.copy()
        return same
    if interpolation is not Interpolation.NONE and 1 in plane.shape:
        return _sample_line(plane, shape)
    smooth = interpolation is not Interpolation.NONE
    ys, xs = (_positions(*sides, smooth=smooth) for sides in zip(plane.shape, shape, strict=True))
    if not smooth:
        nearest: NDArray[Any] = plane[ys.astype(np.int64)[:, None], xs.astype(np.int64)]
        return nearest
    method: Callable[..., Floats] = (
        _bilinear if interpolation is Interpolation.BILINEAR else _bicubic
    )
    sampled = np.empty(shape, plane.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, shape[0], _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            sampled[rows] = _truncated(method(plane, ys[rows], xs), plane.dtype)
    return sampled


def cubic(x: Floats) -> Floats:
    """Return the Catmull-Rom kernel (a = 0.5), in the order of ImageJ's operations."""
    x = np.abs(x)
    inner = x * x * (x * 1.5 + -2.5) + 1.0
    outer = -0.5 * x * x * x + 2.5 * x * x - 4.0 * x + 2.0
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


def _positions(source: int, target: int, *, smooth: bool) -> Floats:
    """Return where along an axis the samples are taken, in px of the source."""
    scale = target / source
    centre = target / 2.0
    if smooth and target != source:
        centre += scale / 4.0
    steps = np.arange(target, dtype=np.float64)
    return (steps - centre) / scale + source / 2.0


def _bilinear(plane: NDArray[Any], ys: Floats, xs: Floats) -> Floats:
    """Sample between four pixels."""
    (top, y), (left, x) = (
        _cell(positions, side) for positions, side in zip((ys, xs), plane.shape, strict=True)
    )
    top, y = top[:, None], y[:, None]
    first = _between(plane[top, left], plane[top, left + 1], x)
    second = _between(plane[top + 1, left], plane[top + 1, left + 1], x)
    return _between(first, second, y)


def _cell(positions: Floats, side: int) -> tuple[NDArray[np.int64], Floats]:
    """Return the pixel before each position and the way to the next, kept within the plane."""
    inside = np.where(positions < 0.0, 0.0, positions)
    inside = np.where(inside >= side - 1.0, side - 1.001, inside)
    pixel = inside.astype(np.int64)
    return pixel, inside - pixel


def _between(low: NDArray[Any], high: NDArray[Any], way: Floats) -> Floats:
    """Interpolate; where the further of two pixels is NaN, take the nearer."""
    a, b = low.astype(np.float64), high.astype(np.float64)
    value = a + way * (b - a)
    value = np.where(np.isnan(b) & (way < 0.5), a, value)
    return np.where(np.isnan(a) & (way >= 0.5), b, value)


def _bicubic(plane: NDArray[Any], ys: Floats, xs: Floats) -> Floats:
    """Sample between sixteen pixels, and between four at the edges."""
    sampled = _bilinear(plane, ys, xs)
    (rows, y), (columns, x) = (
        _interior(positions, side) for positions, side in zip((ys, xs), plane.shape, strict=True)
    )
    if y.size and x.size:
        sampled[np.ix_(rows, columns)] = _sixteen(plane, y, x)
    return sampled


def _interior(positions: Floats, side: int) -> tuple[NDArray[np.int64], Floats]:
    """Return which positions have two pixels on both sides, and these positions."""
    pixel = np.floor(positions)
    inside = np.flatnonzero((pixel > 0) & (pixel < side - 2))
    return inside, positions[inside]


def _sixteen(plane: NDArray[Any], ys: Floats, xs: Floats) -> Floats:
    """Sum sixteen weighted pixels row by row."""
    top, left = np.floor(ys).astype(np.int64) - 1, np.floor(xs).astype(np.int64) - 1
    value = np.zeros((ys.size, xs.size))
    for j in range(4):
        row = np.zeros_like(value)
        for i in range(4):
            row += plane[(top + j)[:, None], left + i] * cubic(xs - (left + i))
        value += row * cubic(ys - (top + j))[:, None]
    return value


def _truncated(values: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round half up to an integer type, as a Java cast after adding 0.5 does."""
    if dtype.kind == "f":
        return values.astype(dtype)
    return np.clip(np.trunc(values + 0.5), 0, np.iinfo(dtype).max).astype(dtype)


def _sample_line(plane: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Stretch a plane that is one pixel wide or high, its ends onto the ends of the result."""
    vertical = plane.shape[1] == 1
    line = (plane[:, 0] if vertical else plane[0]).astype(np.float32)
    length, other = shape if vertical else shape[::-1]
    # A result of one pixel divides by 0: NaN in 32-bit, 0 in 8-bit and 16-bit.
    with np.errstate(invalid="ignore", divide="ignore"):
        position = np.arange(length) * (np.float64(line.size - 1) / np.float64(length - 1))
        before = np.nan_to_num(position).astype(np.int64)
        after = np.minimum(before + 1, line.size - 1)
        way = position - before
        values = ((1.0 - way) * line[before] + way * line[after]).astype(np.float32)
    pixels = to_type(values, plane.dtype)
    return np.repeat(pixels[:, None] if vertical else pixels[None], other, axis=int(vertical))


def to_type(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert as ImageJ does without scaling: round half up and clip; NaN becomes 0."""
    if dtype.kind == "f":
        return values
    # Of a number and NaN, fmax and fmin take the number.
    lowest = np.fmax(values + np.float32(0.5), np.float32(0))
    pixels: NDArray[Any] = np.fmin(lowest, np.float32(np.iinfo(dtype).max)).astype(dtype)
    return pixels
