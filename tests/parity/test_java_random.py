from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scyjava
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import INT_MAX, INT_MIN, JavaRandom

SEEDS = [0, 1, -1, 42, INT_MAX, INT_MIN]
any_seed = st.integers(INT_MIN, INT_MAX)
many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def java_random(seed: int) -> Any:
    return scyjava.jimport("java.util.Random")(seed)


@pytest.mark.parametrize("seed", [*SEEDS, 2**63 - 1, -(2**63)])
def test_ints_and_doubles(imagej: ImageJ1, seed: int) -> None:
    ours, theirs = JavaRandom(seed), java_random(seed)
    for _ in range(50):
        assert ours.next_int() == int(theirs.nextInt())
        assert ours.next_double() == float(theirs.nextDouble())


@given(seed=any_seed, bound=st.one_of(st.integers(1, 100), st.integers(1, INT_MAX)))
@many
def test_bounded_ints(imagej: ImageJ1, seed: int, bound: int) -> None:
    ours, theirs = JavaRandom(seed), java_random(seed)
    assert [ours.next_int(bound) for _ in range(20)] == [
        int(theirs.nextInt(bound)) for _ in range(20)
    ]


@pytest.mark.parametrize("bound", [0, -1, 2**31])
def test_a_bound_that_java_has_not(bound: int) -> None:
    with pytest.raises(ValueError, match="not from 1"):
        JavaRandom(0).next_int(bound)


@given(seed=any_seed, counts=st.lists(st.integers(0, 9), max_size=8))
@many
def test_gaussians_in_any_portions(imagej: ImageJ1, seed: int, counts: list[int]) -> None:
    ours, theirs = JavaRandom(seed), java_random(seed)
    for count in counts:
        expected = [float(theirs.nextGaussian()) for _ in range(count)]
        assert ours.gaussians(count).tolist() == expected
    assert ours.next_int() == int(theirs.nextInt())
    assert ours.next_gaussian() == float(theirs.nextGaussian())


@pytest.mark.parametrize("seed", SEEDS)
def test_more_gaussians_than_a_block(imagej: ImageJ1, seed: int) -> None:
    theirs = java_random(seed)
    expected = np.array([float(theirs.nextGaussian()) for _ in range(30_001)])
    np.testing.assert_array_equal(JavaRandom(seed).gaussians(30_001), expected)


@given(seed=any_seed, steps=st.integers(0, 2000))
@many
def test_jump_is_many_steps(seed: int, steps: int) -> None:
    walked, jumped = JavaRandom(seed), JavaRandom(seed)
    for _ in range(steps):
        walked.next(32)
    jumped.jump(steps)
    assert jumped == walked


@given(seed=any_seed, first=st.integers(0, 2**48), second=st.integers(0, 2**48))
@many
def test_jumps_add_up_and_the_period_closes(seed: int, first: int, second: int) -> None:
    once, twice = JavaRandom(seed), JavaRandom(seed)
    once.jump(first + second)
    twice.jump(first)
    twice.jump(second)
    assert once == twice
    twice.jump(2**48 - (first + second) % 2**48)
    assert twice == JavaRandom(seed)
