from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scyjava
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import INT_MAX, INT_MIN, JavaRandom
from crispim_ij.parity.java_random import INCREMENT, MASK, MULTIPLIER

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
