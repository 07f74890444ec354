from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scyjava
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import JavaRandom, NativeImageJ, add_noise
from crispim_ij.parity.noise import round_half_up
from tests.parity.same import assert_same


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("value", [0, 100, 255])
def test_a_stack_in_one_stream(path: str, imagej: ImageJ1, dtype: Any, value: int) -> None:
    native = NativeImageJ()
    for index in range(3):
        plane = np.full((61, 83), value, dtype)
        seed = -5 if index == 0 else None
        assert_same(native.noise(plane, 40, seed), imagej.noise(plane, 40, seed))


def test_the_plane_is_not_changed(path: str) -> None:
    plane = np.full((20, 30), 9, np.uint8)
    add_noise(plane, 30, JavaRandom(1))
    assert (plane == 9).all()


def test_noise_of_nothing_still_draws(path: str) -> None:
    plane = np.full((4, 5), 9, np.uint16)
    drawn, waiting = JavaRandom(3), JavaRandom(3)
    np.testing.assert_array_equal(add_noise(plane, 0, drawn), plane)
    waiting.gaussians(20)
    assert drawn == waiting


def test_without_a_seed_two_engines_differ(path: str) -> None:
    plane = np.full((50, 50), 1000, np.uint16)
    assert (NativeImageJ().noise(plane, 30) != NativeImageJ().noise(plane, 30)).any()


@given(st.one_of(st.floats(-(2.0**40), 2.0**40), st.integers(-99, 99).map(lambda k: k / 2)))
def test_rounding_is_java_s(value: float) -> None:
    exact = int(np.floor(value))
    exact += value - exact >= 0.5
    assert round_half_up(np.array([value]))[0] == exact


@pytest.mark.parametrize("value", [0.49999999999999994, -0.5, -0.50000000000000011, 2.5, -2.5])
def test_rounding_at_the_edge(imagej: ImageJ1, value: float) -> None:
    theirs = int(scyjava.jimport("java.lang.Math").round(value))
    assert round_half_up(np.array([value]))[0] == theirs
