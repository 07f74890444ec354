"""Resizing and noise on any plane, against the real ImageJ 1.53q, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import INT_MAX, INT_MIN, Interpolation, NativeImageJ, compiled
from crispim_ij.preprocessing import target_size
from tests.parity.same import assert_same

DTYPES = [np.uint8, np.uint16, np.float32]
KINDS = ["random", "dark", "dim", "saturated", "steps", "not finite"]
# What 8-bit and 16-bit pixels draw again and again, at most in one example.
MOST_DRAWS = 200_000


@dataclass(frozen=True)
class Example:
    planes: tuple[NDArray[Any], ...]
    shape: tuple[int, int]
    interpolation: Interpolation
    average: bool
    sd: float
    seed: int


def make_plane(kind: str, shape: tuple[int, int], dtype: Any, seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    top = 65535 if dtype == np.float32 else np.iinfo(dtype).max
    if kind == "dark":
        return np.zeros(shape, dtype)
    if kind == "dim":
        return rng.integers(0, 30, shape).astype(dtype)
    if kind == "saturated":
        return np.full(shape, top, dtype)
    if kind == "steps":
        return np.where(np.indices(shape).sum(0) // 3 % 2, 0, top).astype(dtype)
    if dtype != np.float32:
        return rng.integers(0, top, shape, endpoint=True).astype(dtype)
    plane = rng.normal(200, 10.0 ** rng.integers(-3, 30), shape).astype(dtype)
    if kind == "not finite":
        for value in (np.nan, np.inf, -np.inf, -0.0):
            plane[rng.random(shape) < 0.03] = value
    return plane


sides = st.one_of(st.integers(1, 8), st.integers(1, 300))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    shape = draw(st.tuples(sides, sides))
    factor = draw(st.one_of(st.none(), st.sampled_from([2, 3, 4, 8]), st.floats(0.4, 12)))
    if factor is None or min(shape) / factor < 0.5 or max(shape) / factor > 600:
        target = draw(st.tuples(sides, sides))
    else:
        target = target_size(shape, factor)
    dtype = draw(st.sampled_from(DTYPES))
    kind = draw(st.sampled_from(KINDS))
    seed = draw(
        st.one_of(st.sampled_from([0, -1, INT_MIN, INT_MAX]), st.integers(INT_MIN, INT_MAX))
    )
    sd = draw(st.one_of(st.sampled_from([0.0, 30.0, 0.01]), st.floats(0, 300), st.floats(0, 1e5)))
    planes = [
        make_plane(kind, shape, dtype, (seed + k) % 2**32) for k in range(draw(st.integers(1, 3)))
    ]
    return Example(
        tuple(planes),
        target,
        draw(st.sampled_from(Interpolation)),
        draw(st.booleans()),
        sd,
        seed,
    )


def compare(imagej: ImageJ1, example: Example) -> None:
    """Resize each plane, and add noise to all of them in one stream."""
    native = NativeImageJ()
    rows, columns = example.shape
    for index, plane in enumerate(example.planes):
        ours, theirs = (
            engine.resize(plane, columns, rows, example.interpolation, example.average)
            for engine in (native, imagej)
        )
        assert_same(ours, theirs)
        part = ours[: rows_to_draw(ours, example.sd)]
        seed = example.seed if index == 0 else None
        assert_same(native.noise(part, example.sd, seed), imagej.noise(part, example.sd, seed))


def rows_to_draw(plane: NDArray[Any], sd: float) -> int:
    """Keep rare hits of a narrow range from taking minutes."""
    top = np.inf if plane.dtype.kind == "f" else np.iinfo(plane.dtype).max
    draws_a_row = plane.shape[1] * (2 + 2.6 * sd / top)
    return max(1, int(MOST_DRAWS / draws_a_row))


def compare_examples(imagej: ImageJ1, count: int) -> None:
    """Compare what hypothesis makes up."""

    @settings(max_examples=count, suppress_health_check=list(HealthCheck))
    @given(example=examples())
    def compare_one(example: Example) -> None:
        compare(imagej, example)

    compare_one()


@pytest.mark.parametrize(
    "count",
    [
        80,
        pytest.param(300, marks=pytest.mark.long),
        pytest.param(2000, marks=pytest.mark.slow),
        pytest.param(100_000, marks=pytest.mark.slow),
    ],
)
def test_any_example(imagej: ImageJ1, count: int) -> None:
    assert compiled.kernels() is not None
    compare_examples(imagej, count)


@pytest.mark.long
def test_without_numba(imagej: ImageJ1, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "kernels", lambda: None)
    compare_examples(imagej, 150)
