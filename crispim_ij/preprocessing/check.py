"""Whether the native engine and an ImageJ give the same pixels, plane by plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity import INT_MAX, INT_MIN, PLANE_DTYPES, Engine, Interpolation, Plane
from crispim_ij.planes import Source
from crispim_ij.preprocessing.plane import PlaneNoise, PreprocessSettings, plan_noise, target_size


@dataclass(frozen=True)
class Case:
    """A plane, the shape and the way in which it is resized, and the noise that it then gets."""

    name: str
    plane: Plane
    shape: tuple[int, int]
    interpolation: Interpolation
    average: bool
    noise: PlaneNoise


@dataclass(frozen=True)
class Difference:
    """Where two engines differ first, by which step, with what values, and in how many pixels."""

    after: str
    place: tuple[int, int]
    values: tuple[float, float]
    count: int


def compare(case: Case, first: Engine, second: Engine) -> Difference | None:
    """Compare what two engines make of a plane; None where every pixel is the same.

    NaN counts as equal to NaN, 0 not to -0.
    """
    rows, columns = case.shape
    resized = [
        engine.resize(case.plane, columns, rows, case.interpolation, case.average)
        for engine in (first, second)
    ]
    found = _first_difference("resizing", *resized)
    if found or case.noise.sd == 0:
        return found
    # Both get the same plane.
    noisy = [engine.noise(resized[0], case.noise.sd, case.noise.seed) for engine in (first, second)]
    return _first_difference("noise", *noisy)


def cases_of(source: Source, settings: PreprocessSettings, most: int) -> Iterator[Case]:
    """Choose up to `most` planes, spread over a source, with what the settings make of them.

    With one stream of noise through the stack, these are its first planes.
    """
    noises = plan_noise(source, settings)
    count = min(most, len(source))
    last = count - 1 if settings.seed_stack else len(source) - 1
    shape = target_size(source.shape[1:], settings.factor)
    for index in np.linspace(0, last, count).round().astype(int).tolist():
        plane = source.read(index)
        yield Case(
            source.names[index],
            plane,
            shape,
            settings.interpolation,
            settings.average,
            noises[index],
        )


def hard_cases() -> Iterator[Case]:
    """Make planes on which engines are likely to differ, if they do.

    They have every pixel type, interpolation and averaging: random, dark, saturated and
    one-pixel-wide planes, odd sizes, growing and shrinking, NaN and infinity.
    """
    shapes = [((41, 63), (10, 16)), ((40, 64), (7, 90)), ((1, 50), (1, 13)), ((23, 1), (60, 3))]
    seeds = [0, -1, 20231, INT_MIN, INT_MAX]
    number = 0
    for dtype in PLANE_DTYPES:
        for kind in ("random", "dark", "bright"):
            for before, after in shapes:
                for interpolation in Interpolation:
                    for average in (True, False):
                        plane = _hard_plane(kind, before, dtype)
                        noise = PlaneNoise((0.4, 30.0, 250.0)[number % 3], seeds[number % 5])
                        name = f"{kind} {dtype} plane of {before[1]} x {before[0]} px"
                        yield Case(name, plane, after, interpolation, average, noise)
                        number += 1


def _hard_plane(kind: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> Plane:
    """Make a plane; the bright one is saturated, or infinite and NaN in places."""
    if kind == "dark":
        return np.zeros(shape, dtype)
    rng = np.random.default_rng(0)
    if dtype.kind == "u":
        top = np.iinfo(dtype).max
        lowest = 0 if kind == "random" else top
        return rng.integers(lowest, top, shape, dtype, endpoint=True)
    plane = rng.normal(200, 300, shape).astype(dtype)
    if kind == "bright":
        plane[rng.random(shape) < 0.02] = np.inf
        plane[rng.random(shape) < 0.02] = np.nan
    return plane


def _first_difference(after: str, ours: NDArray[Any], theirs: NDArray[Any]) -> Difference | None:
    """Find the first pixel whose bits differ."""
    differs = ours != theirs
    if ours.dtype.kind == "f":
        bits = ours.view(np.uint32) != theirs.view(np.uint32)
        differs = bits & ~(np.isnan(ours) & np.isnan(theirs))
    if not differs.any():
        return None
    y, x = np.unravel_index(int(differs.argmax()), differs.shape)
    values = float(ours[y, x]), float(theirs[y, x])
    return Difference(after, (int(y), int(x)), values, int(differs.sum()))
