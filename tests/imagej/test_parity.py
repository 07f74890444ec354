"""Every pixel of the gateway equals that of macros in a separate ImageJ 1.53q."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.imagej import ImageJGateway
from crispim_ij.parity import Interpolation
from tests.imagej.reference import Noise, Reference, Size

DTYPES = [np.uint8, np.uint16, np.float32]
METHODS = list(Interpolation)


def random_plane(shape: tuple[int, int], dtype: Any, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(200, 300, shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def same(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(
    ("width", "height"), [(16, 10), (23, 17), (64, 41), (90, 60), (64, 20), (30, 55), (1, 1)]
)
def test_resize(
    gateway: ImageJGateway,
    reference: Reference,
    dtype: Any,
    method: Interpolation,
    average: bool,
    width: int,
    height: int,
) -> None:
    plane = random_plane((41, 64), dtype)
    ours = gateway.resize(plane, width, height, method, average)
    size = Size(width, height, method.value.capitalize(), average)
    same(ours, reference.process_stack(plane, size, None))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 1, -1, 12345, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("sd", [0.01, 30, 37.25])
def test_noise(
    gateway: ImageJGateway, reference: Reference, dtype: Any, seed: int, sd: float
) -> None:
    plane = random_plane((20, 33), dtype)
    same(gateway.noise(plane, sd, seed), reference.process_stack(plane, None, Noise(sd, seed)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", ["dark", "saturated", "both"])
def test_noise_draws_again_at_the_edges(
    gateway: ImageJGateway, reference: Reference, dtype: Any, value: str
) -> None:
    plane = np.zeros((24, 24), dtype)
    if value != "dark":
        plane[:, :: 2 if value == "both" else 1] = np.iinfo(dtype).max
    ours = gateway.noise(plane, 40, 9)
    assert (ours != plane).any()
    same(ours, reference.process_stack(plane, None, Noise(40, 9)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_stream_through_a_stack(
    gateway: ImageJGateway, reference: Reference, dtype: Any
) -> None:
    stack = np.stack([random_plane((11, 13), dtype, seed) for seed in range(4)])
    ours = [gateway.noise(plane, 30, 7 if k == 0 else None) for k, plane in enumerate(stack)]
    same(np.stack(ours), reference.process_stack(stack, None, Noise(30, 7)))


def test_a_seed_clears_the_half_used_pair_of_gaussians(
    gateway: ImageJGateway, reference: Reference
) -> None:
    plane = random_plane((3, 3), np.float32)
    gateway.noise(plane, 1, 5)  # An odd number of draws: java.util.Random keeps one back.
    same(gateway.noise(plane, 1, 5), reference.process_stack(plane, None, Noise(1, 5)))


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    dtype=st.sampled_from(DTYPES),
    method=st.sampled_from(METHODS),
    average=st.booleans(),
    sd=st.floats(0.01, 200).map(lambda sd: round(sd, 2)),
    seed=st.integers(-(2**31), 2**31 - 1),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_size_and_seed(
    gateway: ImageJGateway,
    reference: Reference,
    shape: tuple[int, int],
    target: tuple[int, int],
    dtype: Any,
    method: Interpolation,
    average: bool,
    sd: float,
    seed: int,
) -> None:
    plane = random_plane(shape, dtype, seed=seed % 1000)
    small = gateway.resize(plane, target[1], target[0], method, average)
    ours = gateway.noise(small, sd, seed)
    size = Size(target[1], target[0], method.value.capitalize(), average)
    same(ours, reference.process_stack(plane, size, Noise(sd, seed)))


def test_averaging_is_a_block_mean_only_without_interpolation(gateway: ImageJGateway) -> None:
    plane = random_plane((40, 60), np.uint16)
    blocks = plane.reshape(10, 4, 15, 4).mean((1, 3))
    none = gateway.resize(plane, 15, 10, Interpolation.NONE, True)
    np.testing.assert_array_equal(none, np.floor(blocks + 0.5))
    assert (gateway.resize(plane, 15, 10, Interpolation.BILINEAR, True) != none).any()
