"""ImageJ's resizing: `ImageProcessor.resize`, whole or in part."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity import compiled

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]

PLANE_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""ImageJ's grey types: 8-bit, 16-bit and 32-bit."""


class Interpolation(StrEnum):
    """ImageJ's interpolation methods."""

    NONE = "none"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


_KERNEL_SIZES = {Interpolation.NONE: 1, Interpolation.BILINEAR: 2, Interpolation.BICUBIC: 4}
_UNUSED = -1
_ROWS_AT_ONCE = 64


def resize(
    plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
) -> Plane:
    """Resize a plane as ``Image > Adjust > Size...`` does.

    Every bit is that of ``ImageProcessor.resize`` of ImageJ 1.53q on a plane without a selection.
    Parameters are those of `crispim_ij.parity.Engine.resize`; along an axis that grows, `average`
    does nothing.
    """
    shape = height, width
    rows, columns = plane.shape
    if not average or (width >= columns and height >= rows):
        return sample(plane, shape, interpolation)
    table_y, table_x = (
        _downsize_table(before, after, interpolation) if after < before else None
        for before, after in zip(plane.shape, shape, strict=True)
    )
    averaged = _average(plane, table_y, table_x)
    return to_type(sample(averaged, shape, interpolation), plane.dtype)


def resize_part(
    read: Callable[[slice, slice], NDArray[Any]],
    source_shape: tuple[int, int],
    shape: tuple[int, int],
    part: tuple[slice, slice],
    interpolation: Interpolation,
) -> Plane:
    """Make a part of what `resize` with averaging makes of a plane, bit for bit.

    `read` goes from rows and columns to these pixels of the plane, which are finite; the shapes are
    rows and columns of the whole plane before and after, of which no axis grows, and `part` is of
    those after.
    """
    if shape == source_shape:
        return read(*part)
    (table_y, rows), (table_x, columns) = (
        _part_of_table(_downsize_table(before, after, interpolation), wanted)
        if after < before
        else (None, wanted)
        for before, after, wanted in zip(source_shape, shape, part, strict=True)
    )
    pixels = read(rows, columns)
    return to_type(_average(pixels, table_y, table_x), pixels.dtype)


def _average(
    plane: NDArray[Any], table_y: DownsizeTable | None, table_x: DownsizeTable | None
) -> NDArray[np.float32]:
    """Average along X and then Y, each where it shrinks; not rounded."""
    averaged: NDArray[Any] = plane
    if table_x is not None:
        averaged = _downsize_x(averaged, table_x)
    if table_y is not None:
        averaged = _downsize_y(averaged, table_y)
    return averaged.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class DownsizeTable:
    """The weighted sums along one axis, in the order in which ImageJ adds their terms.

    Output ``i`` is the sum of ``weights[t] * source[sources[t]]`` for ``t`` from
    ``starts[i]`` to ``starts[i + 1]``, in float32, from the first term to the last.

    Attributes
    ----------
    starts : ndarray of uint64, shape (outputs + 1,)
        Where each output's terms begin.
    sources : ndarray of uint64, shape (terms,)
        Index of each term's source. Unsigned, since compiled code then need not look
        for negative indices: a quarter of the time.
    weights : ndarray of float32, shape (terms,)
        Its weight.
    step : int
        Sources from one output to the next where this is a whole number, else 0.
    regular : tuple of int
        First of the outputs that have the same weights, `step` sources further on each
        time, and the one after the last; equal where there are none.
    """

    starts: NDArray[np.uint64]
    sources: NDArray[np.uint64]
    weights: NDArray[np.float32]
    step: int
    regular: tuple[int, int]


@lru_cache(maxsize=16)
def _downsize_table(source_size: int, size: int, interpolation: Interpolation) -> DownsizeTable:
    """Work out the weights along one axis that shrinks.

    The kernel (a box, a triangle or a cubic) is as many outputs wide as the
    interpolation has points; its float32 values are normalised by their float64
    sum. Beyond the edge the edge's pixel counts.
    """
    width = _KERNEL_SIZES[interpolation]
    scale = source_size / size

    def position(output: float) -> float:
        return -0.5 + (output + 0.5) * scale

    first = max(math.ceil(1e-8 + position(-0.5 * width)), 0)
    last = min(math.floor(1e-8 + position(size - 1 + 0.5 * width)), source_size - 1)
    # Each source has `width` places for the outputs that it counts in.
    outputs = np.full((last - first + 1) * width, _UNUSED, np.int64)
    weights = np.zeros(outputs.size, np.float32)
    for output in range(size):
        total = 0.0
        lowest = math.ceil(1e-8 + position(output - 0.5 * width))
        highest = math.floor(-1e-8 + position(output + 0.5 * width))
        for source in range(lowest, highest + 1):
            place = (min(max(source, 0), source_size - 1) - first) * width
            while outputs[place] not in (_UNUSED, output):
                place += 1
            outputs[place] = output
            weight = _kernel(output - ((source + 0.5) / scale - 0.5), interpolation)
            total += float(weight)
            weights[place] += weight
        begin = max((lowest - first) * width, 0)
        mine = begin + np.flatnonzero(outputs[begin : (highest - first + 1) * width] == output)
        weights[mine] = weights[mine].astype(np.float64) / total
    # ImageJ leaves unused places in, as terms of output 0 with weight 0: they do
    # nothing, unless the pixel is infinite or NaN.
    outputs[outputs == _UNUSED] = 0
    order = np.argsort(outputs, kind="stable")
    starts = np.searchsorted(outputs[order], np.arange(size + 1))
    sources, weights = first + order // width, weights[order]
    step = 0 if source_size % size else source_size // size
    return DownsizeTable(
        starts.astype(np.uint64),
        sources.astype(np.uint64),
        weights,
        step,
        _regular_outputs(starts, sources, weights, step),
    )


def _regular_outputs(
    starts: NDArray[np.int64], sources: NDArray[np.int64], weights: NDArray[np.float32], step: int
) -> tuple[int, int]:
    """Find the outputs around the middle whose terms are the middle one's, shifted."""
    size = starts.size - 1
    middle = size // 2

    def is_like_the_middle(output: int) -> bool:
        here, there = (slice(starts[k], starts[k + 1]) for k in (output, middle))
        return np.array_equal(weights[here], weights[there]) and np.array_equal(
            sources[here], sources[there] + step * (output - middle)
        )

    if step == 0:
        return 0, 0
    first = last = middle
    while first > 0 and is_like_the_middle(first - 1):
        first -= 1
    while last < size and is_like_the_middle(last):
        last += 1
    return first, last


def _kernel(x: float, interpolation: Interpolation) -> np.float32:
    """Return the kernel's value at a distance in outputs."""
    value: np.float32 = np.float32(1)
    if interpolation is Interpolation.BILINEAR:
        value = np.float32(1) - np.float32(abs(x))
    elif interpolation is Interpolation.BICUBIC:
        value = np.float32(cubic(np.array(x)))
    return value


def _part_of_table(table: DownsizeTable, outputs: slice) -> tuple[DownsizeTable, slice]:
    """Return the sums of some outputs alone, and the sources that they need."""
    starts = table.starts[outputs.start : outputs.stop + 1].astype(np.int64)
    terms = slice(starts[0], starts[-1])
    # Terms of weight 0 may lie anywhere, and add nothing to what is finite.
    used = table.weights[terms] != 0
    before = np.concatenate([[0], np.cumsum(used)])
    sources = table.sources[terms][used].astype(np.int64)
    first, last = int(sources.min()), int(sources.max())
    part = DownsizeTable(
        before[starts - starts[0]].astype(np.uint64),
        (sources - first).astype(np.uint64),
        table.weights[terms][used],
        0,
        (0, 0),
    )
    return part, slice(first, last + 1)


def _downsize_x(plane: NDArray[Any], table: DownsizeTable) -> NDArray[np.float32]:
    """Average along X."""
    loops = compiled.kernels()
    if loops is not None:
        sums: NDArray[np.float32] = loops.downsize_x(
            plane, table.starts, table.sources, table.weights, table.step, table.regular
        )
        return sums
    return np.ascontiguousarray(_weighted_rows(plane.T, table).T)


def _downsize_y(plane: NDArray[Any], table: DownsizeTable) -> NDArray[np.float32]:
    """Average along Y."""
    loops = compiled.kernels()
    if loops is not None:
        sums: NDArray[np.float32] = loops.downsize_y(
            plane, table.starts, table.sources, table.weights
        )
        return sums
    return _weighted_rows(plane, table)


def _weighted_rows(plane: NDArray[Any], table: DownsizeTable) -> NDArray[np.float32]:
    """Sum rows by a table, every output's first term, then every one's second, and so on."""
    source = plane.astype(np.float32, copy=False)
    starts = table.starts.astype(np.int64)
    counts = np.diff(starts)
    sums = np.zeros((counts.size, plane.shape[1]), np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for term in range(counts.max()):
            outputs = np.flatnonzero(counts > term)
            terms = starts[outputs] + term
            sums[outputs] += source[table.sources[terms]] * table.weights[terms, None]
    return sums


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
