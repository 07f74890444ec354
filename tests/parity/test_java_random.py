from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scyjava
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import INT_MAX, INT_MIN, JavaRandom
from crispim_ij.parity.java_random import INCREMENT, MASK, MULTIPLIER, log

SEEDS = [0, 1, -1, 42, INT_MAX, INT_MIN]
any_seed = st.integers(INT_MIN, INT_MAX)
many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def java_random(seed: int) -> Any:
    return scyjava.jimport("java.util.Random")(seed)


def next_int(random: JavaRandom) -> int:
    """What Java's `nextInt` would draw next: the highest 32 of the 48 bits, signed."""
    random.state = (random.state * MULTIPLIER + INCREMENT) & MASK
    bits = random.state >> 16
    return bits - 2**32 if bits > INT_MAX else bits


@given(
    seed=st.one_of(any_seed, st.sampled_from([2**63 - 1, -(2**63)])),
    counts=st.lists(st.integers(0, 9), max_size=8),
)
@many
def test_gaussians_in_any_portions(imagej: ImageJ1, seed: int, counts: list[int]) -> None:
    ours, theirs = JavaRandom(seed), java_random(seed)
    for count in counts:
        expected = [float(theirs.nextGaussian()) for _ in range(count)]
        assert ours.gaussians(count).tolist() == expected
    assert next_int(ours) == int(theirs.nextInt())
    assert ours.gaussians(1)[0] == float(theirs.nextGaussian())


@pytest.mark.parametrize("seed", SEEDS)
def test_more_gaussians_than_a_block(imagej: ImageJ1, seed: int) -> None:
    theirs = java_random(seed)
    expected = np.array([float(theirs.nextGaussian()) for _ in range(30_001)])
    np.testing.assert_array_equal(JavaRandom(seed).gaussians(30_001), expected)


def java_log(values: list[float]) -> list[float]:
    strict = scyjava.jimport("java.lang.StrictMath")
    return [float(strict.log(value)) for value in values]


@given(
    st.lists(
        st.one_of(
            st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False),
            st.floats(0, 1, exclude_min=True),
            st.floats(1 - 2**-18, 1 + 2**-18),
        ),
        min_size=1,
        max_size=50,
    )
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_log_is_java_s(imagej: ImageJ1, values: list[float]) -> None:
    assert log(np.array(values)).tolist() == java_log(values)


def test_numpy_s_own_log_would_not_do(imagej: ImageJ1) -> None:
    values = np.random.default_rng(0).uniform(0, 1, 20_000)
    theirs = np.array(java_log(values.tolist()))
    np.testing.assert_array_equal(log(values), theirs)
    assert (np.log(values) != theirs).any()


def test_log_of_special_numbers(imagej: ImageJ1) -> None:
    values = [1.0, 2.0, 0.5, 5e-324, np.finfo(float).tiny, np.finfo(float).max, np.nextafter(1, 0)]
    assert log(np.array(values)).tolist() == java_log(values)
