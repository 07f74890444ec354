from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d

from crispim_ij.noise.blocks import correlation, join, measure_blocks


@settings(max_examples=15)
@given(st.integers(0, 999), st.floats(-5, 5), st.floats(-5, 5))
def test_what_is_smooth_does_not_count(seed: int, down: float, right: float) -> None:
    noise = np.random.default_rng(seed).standard_normal((67, 83))
    y, x = np.mgrid[:67, :83]
    mere, both = measure_blocks(noise), measure_blocks(noise + 500 + down * y + right * x)
    np.testing.assert_allclose(both.fine, mere.fine, rtol=1e-6)
    np.testing.assert_allclose(both.down, mere.down, rtol=1e-6)
    np.testing.assert_allclose(both.right, mere.right, rtol=1e-6)


def test_white_noise_has_its_variance_in_all_bands() -> None:
    blocks = measure_blocks(np.random.default_rng(1).normal(300, 20, (1203, 1203)))
    for band in ("coarse", "fine", "down", "right", "rows", "columns"):
        assert getattr(blocks, band).mean() == pytest.approx(400, rel=0.025), band
    assert blocks.light.mean() == pytest.approx(300, abs=0.2)


def test_flat_blocks_of_white_noise_are_as_noisy_as_others() -> None:
    blocks = measure_blocks(np.random.default_rng(7).normal(0, 3, (2048, 2048)))
    flattest = blocks.coarse < np.quantile(blocks.coarse, 0.1)
    assert blocks.coarse[flattest].mean() < 6
    assert blocks[flattest].fine.mean() == pytest.approx(9, rel=0.02)


def test_noise_that_rows_share_is_seen_in_its_band() -> None:
    shared = np.random.default_rng(2).normal(0, 3, (1600, 1)) * np.ones(1600)
    blocks = measure_blocks(shared)
    assert blocks.rows.mean() == pytest.approx(8 * 9, rel=0.1)
    assert max(blocks.columns.max(), blocks.fine.max()) < 1e-20


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shared", [-0.3, 0.0, 0.2, 0.4])
def test_correlation_is_that_of_neighbours(axis: int, shared: float) -> None:
    # A moving average of two pixels, of the weights 1 and w: correlated by w / (1 + w²).
    weight = (1 - np.sqrt(1 - 4 * shared**2)) / (2 * shared) if shared else 0.0
    white = np.random.default_rng(3).standard_normal((2000, 2000))
    blocks = measure_blocks(correlate1d(white, [weight, 1, 0], axis))
    ratios = [band.mean() / blocks.fine.mean() for band in (blocks.down, blocks.right)]
    assert correlation(ratios[axis]) == pytest.approx(shared, abs=0.01)
    assert correlation(ratios[1 - axis]) == pytest.approx(0, abs=0.01)


def test_blocks_are_where_they_are() -> None:
    plane = np.zeros((20, 30))
    plane[:8, 8:16] = 5
    blocks = measure_blocks(plane, limits=(5.0,))
    assert blocks.light.tolist() == pytest.approx([0, 5, 0, 0, 0, 0])
    assert blocks.clipped.tolist() == [0, 1, 0, 0, 0, 0]
    assert len(join([blocks, blocks])) == 12
    assert len(measure_blocks(plane, 4)) == 4 * 6
