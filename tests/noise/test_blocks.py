from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispim_ij.noise.blocks import flattest, join, measure_blocks, white_noise


@settings(max_examples=15)
@given(st.integers(0, 999), st.floats(-5, 5), st.floats(-5, 5), st.floats(0, 4))
def test_what_is_smooth_does_not_count(seed: int, down: float, right: float, bend: float) -> None:
    noise = np.random.default_rng(seed).standard_normal((67, 83))
    y, x = np.mgrid[:67, :83]
    smooth = 500 + down * y + right * x + bend * y**2
    mere, both = measure_blocks(noise), measure_blocks(noise + smooth)
    np.testing.assert_allclose(both.variance, mere.variance, rtol=1e-6)
    np.testing.assert_allclose(both.down, mere.down, rtol=1e-5, atol=1e-7)


def test_white_noise_keeps_its_variance() -> None:
    blocks = measure_blocks(np.random.default_rng(1).normal(300, 20, (803, 803)))
    assert blocks.variance.mean() == pytest.approx(400, rel=0.01)
    assert blocks.down.mean() / 400 == pytest.approx(-2 / 3, rel=0.02)
    assert blocks.light.mean() == pytest.approx(300, abs=0.2)


def test_choosing_flat_blocks_is_made_up_for() -> None:
    blocks = measure_blocks(np.random.default_rng(7).normal(0, 3, (1024, 1024)))
    variance, down, right = flattest(blocks)
    assert variance / white_noise().variance == pytest.approx(9, rel=0.02)
    assert down == pytest.approx(white_noise().neighbours, abs=0.01)
    assert right == pytest.approx(white_noise().neighbours, abs=0.01)


def test_blocks_are_where_they_are() -> None:
    plane = np.zeros((20, 30))
    plane[1:9, 9:17] = 5
    blocks = measure_blocks(plane)
    assert blocks.light.tolist() == [0, 5, 0, 0, 0, 0]
    assert blocks.highest.tolist() == [0, 5, 0, 0, 0, 0]
    assert len(join([blocks, blocks]).light) == 12
