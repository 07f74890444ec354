from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.networks import ARCHITECTURES, build, mini_stack, receptive_field

STABILISED = [name for name in ARCHITECTURES if name.startswith("stabilised")]
VALID = [name for name, design in ARCHITECTURES.items() if design.has_valid_padding]


def counts(name: str, *shape: int) -> NDArray[np.float32]:
    """A plane, or a mini-stack, for an architecture."""
    depth = ARCHITECTURES[name].depth
    planes = (depth, *shape) if depth > 1 else shape
    return np.random.default_rng(0).uniform(0, 500, (1, *planes, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("paper-2d", 332_641),
        ("paper-3d", 5_836_033),
        ("residual-2d", 332_641),
        ("residual-2.5d", 369_505),
        ("stabilised-2d", 896_769),
        ("stabilised-2d-fast", 378_609),
        ("stabilised-2.5d", 916_993),
    ],
)
def test_parameters(name: str, parameters: int) -> None:
    assert build(name).count_params() == parameters


def test_paper_3d_makes_one_plane_of_sixteen() -> None:
    assert build("paper-3d")(counts("paper-3d", 24, 32)).shape == (1, 24, 32, 1)


@cache
def random_network(name: str) -> keras.Model:
    """A network none of whose layers does nothing, as the last one does in the beginning."""
    rng, network = np.random.default_rng(1), build(name)
    network.set_weights(
        [w if w.any() else rng.normal(0, 0.1, w.shape) for w in network.get_weights()]
    )
    return network


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("cells", [(1, 2), pytest.param((8, 16), marks=pytest.mark.long)])
def test_valid_padding_gives_the_centre_of_the_whole(name: str, cells: tuple[int, int]) -> None:
    whole, valid = random_network(name), build(name, padding="valid")
    valid.set_weights(whole.get_weights())
    halo, stride = receptive_field(whole).halo, receptive_field(whole).stride
    shape = cells[0] * stride, cells[1] * stride
    pixels = counts(name, shape[0] + 2 * halo, shape[1] + 2 * halo)
    centre = np.asarray(whole(pixels))[:, halo:-halo, halo:-halo]
    np.testing.assert_allclose(np.asarray(valid(pixels)), centre, atol=1e-3)


def test_there_is_no_valid_padding_of_the_papers_3d() -> None:
    with pytest.raises(ValueError, match="no form with valid padding"):
        build("paper-3d", padding="valid")


@pytest.mark.parametrize("name", VALID)
def test_bfloat16_is_near_float32(name: str) -> None:
    exact, fast = random_network(name), build(name, precision="bfloat16")
    fast.set_weights(exact.get_weights())
    pixels = counts(name, 64, 64)
    expected, result = np.asarray(exact(pixels)), np.asarray(fast(pixels))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if not name.startswith("paper")])
def test_residual_carries_brightness_through(name: str) -> None:
    network = random_network(name)
    pixels = counts(name, 64, 64) / 10
    shifted: Any = network(pixels + 3000)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        np.asarray(shifted)[inner], np.asarray(network(pixels))[inner] + 3000, atol=0.05
    )


def test_neighbours_may_differ_in_brightness() -> None:
    """Each plane is centred on its own mean."""
    network = build("residual-2.5d")
    planes = counts("residual-2.5d", 64, 64)
    flickering = planes + np.float32([700, 0, 0, 0, 50])[:, None, None, None]
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        np.asarray(network(flickering))[inner], np.asarray(network(planes))[inner], atol=0.05
    )


@pytest.mark.parametrize("name", STABILISED)
def test_nothing_is_changed_by_more_than_noise_can_be(name: str) -> None:
    network = build(name)
    network.set_weights([10 * weights for weights in random_network(name).get_weights()])
    values = counts(name, 64, 64)
    middle = values if values.ndim == 4 else values[:, values.shape[1] // 2]
    change = np.abs(np.asarray(network(values)) - middle)
    assert 7.9 < change.max() <= 8.001


def test_an_inflated_stabilised_network_gives_what_the_2d_one_did() -> None:
    from crispim_ij.networks.stabilised import inflate

    flat, deep = random_network("stabilised-2d"), build("stabilised-2.5d")
    deep.set_weights(inflate(flat.get_weights()))
    planes = counts("stabilised-2.5d", 32, 40)
    middle = planes[:, planes.shape[1] // 2]
    np.testing.assert_allclose(np.asarray(deep(planes)), np.asarray(flat(middle)), atol=1e-3)


def test_an_inflated_network_gives_what_the_2d_one_did() -> None:
    from crispim_ij.networks.unet import inflate

    flat, deep = build("residual-2d"), build("residual-2.5d")
    deep.set_weights(inflate(flat.get_weights()))
    planes = counts("residual-2.5d", 32, 40)
    np.testing.assert_allclose(np.asarray(deep(planes)), np.asarray(flat(planes[:, 2])), atol=1e-3)


def test_neighbours_of_a_mini_stack_may_lie_apart() -> None:
    assert mini_stack(4, 10, 5, gap=3) == [1, 1, 4, 7, 9]
    assert mini_stack(0, 10, 3, gap=2) == [1, 0, 2]


@given(count=st.integers(1, 60), data=st.data())
def test_a_mini_stack_is_the_mirrored_neighbourhood(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    padded = np.pad(np.arange(count), (8, 7), mode="symmetric")
    planes = mini_stack(index, count, 16)
    assert planes == padded[index : index + 16].tolist()
    assert planes[8] == index
