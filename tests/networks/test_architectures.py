from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.networks import ARCHITECTURES, build, mini_stack, receptive_field

FLAT = [name for name, design in ARCHITECTURES.items() if design.axes == "YXC"]


def counts(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0, 500, (1, *shape, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("paper-2d", 332_641), ("paper-3d", 5_836_033), ("residual-2d", 332_641)],
)
def test_parameters(name: str, parameters: int) -> None:
    assert build(name).count_params() == parameters


def test_paper_3d_makes_one_plane_of_sixteen() -> None:
    assert build("paper-3d")(counts(16, 24, 32)).shape == (1, 24, 32, 1)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("shape", [(4, 8), (40, 64)])
def test_trimmed_is_the_centre_of_the_whole(name: str, shape: tuple[int, int]) -> None:
    whole, trimmed = build(name), build(name, trimmed=True)
    trimmed.set_weights(whole.get_weights())
    halo = receptive_field(whole).halo
    pixels = counts(shape[0] + 2 * halo, shape[1] + 2 * halo)
    centre = np.asarray(whole(pixels))[:, halo:-halo, halo:-halo]
    np.testing.assert_allclose(np.asarray(trimmed(pixels)), centre, atol=1e-3)


def test_there_is_no_trimmed_3d() -> None:
    with pytest.raises(ValueError, match="no trimmed form"):
        build("paper-3d", trimmed=True)


@pytest.mark.parametrize("name", FLAT)
def test_bfloat16_is_near_float32(name: str) -> None:
    exact, fast = build(name), build(name, precision="bfloat16")
    fast.set_weights(exact.get_weights())
    pixels = counts(64, 64)
    expected, result = np.asarray(exact(pixels)), np.asarray(fast(pixels))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=0.02 * np.abs(expected).max())


def test_residual_carries_brightness_through() -> None:
    network = build("residual-2d")
    pixels = counts(64, 64)
    shifted: Any = network(pixels + 3000)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        np.asarray(shifted)[inner], np.asarray(network(pixels))[inner] + 3000, atol=0.05
    )


@given(count=st.integers(1, 60), data=st.data())
def test_a_mini_stack_is_the_mirrored_neighbourhood(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    padded = np.pad(np.arange(count), (8, 7), mode="symmetric")
    planes = mini_stack(index, count, 16)
    assert planes == padded[index : index + 16].tolist()
    assert planes[8] == index
