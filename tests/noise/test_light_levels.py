from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, gaussian_filter

from crispim_ij.noise.light_levels import (
    MOST_CLIPPED,
    correlation,
    group_blocks,
    join,
    measure_blocks,
)


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


RNG = np.random.default_rng(0)


def halves(noise: NDArray[np.float64], light: tuple[float, float]) -> NDArray[np.float64]:
    """A plane whose left half is of one light and whose right half of another."""
    return np.where(np.arange(noise.shape[1]) < noise.shape[1] // 2, *light) + noise


def test_each_light_has_its_noise() -> None:
    plane = halves(RNG.standard_normal((512, 1024)), (100, 900))
    plane = halves(RNG.standard_normal((512, 1024)) * np.where(plane > 500, 30, 10), (100, 900))
    dark, *_, bright = group_blocks(measure_blocks(plane))
    for level, light, sd in ((dark, 100, 10), (bright, 900, 30)):
        assert level.light == pytest.approx(light, rel=0.03)
        assert abs(level.sd / sd - 1) < 3 * level.error
        assert level.is_white


def test_shares_are_those_of_the_pixels() -> None:
    levels = group_blocks(measure_blocks(RNG.normal(300, 9, (400, 600))))
    assert sum(level.share for level in levels) == pytest.approx(1)
    assert [x.light for x in levels] == sorted(x.light for x in levels)


def test_structure_among_flat_parts_does_not_count() -> None:
    texture = gaussian_filter(RNG.standard_normal((512, 512)), 0.6)
    plane = 300 + 200 * texture + RNG.normal(0, 20, (512, 512))
    plane[:192] = RNG.normal(300, 20, (192, 512))
    levels = group_blocks(measure_blocks(plane, 4), overlap=4)
    usual = max(levels, key=lambda level: level.share)
    assert usual.is_white
    assert usual.sd == pytest.approx(20, rel=0.03)
    assert not levels[0].is_white
    assert not levels[-1].is_white
    # All of the plane would say this much.
    assert measure_blocks(plane).fine.mean() ** 0.5 > 30


@pytest.mark.parametrize("clipped", [0.02, 0.08, 0.15])
def test_what_clipping_takes_is_made_up_for(clipped: float) -> None:
    white = RNG.normal(0, 20, (1024, 1024))
    limit = float(np.quantile(white, clipped))
    plane = np.maximum(white - limit, 0)
    levels = group_blocks(measure_blocks(plane, limits=(0.0,)))
    sd = np.average([x.sd for x in levels], weights=[x.share for x in levels])
    assert sd == pytest.approx(20, rel=0.02)
    # Without it, noise would be this much too weak.
    assert plane.std() < 20 * (1 - clipped / 3)


def test_levels_that_are_mostly_clipped_are_left_out() -> None:
    plane = np.maximum(RNG.normal(0, 20, (512, 512)), 0)
    assert (plane == 0).mean() > 2 * MOST_CLIPPED
    assert group_blocks(measure_blocks(plane, limits=(0.0,))) == []


def test_neighbours_along_z_tell_noise_where_there_is_structure() -> None:
    texture = 90 * gaussian_filter(RNG.standard_normal((512, 512)), 0.6)
    one, two = (300 + texture + RNG.normal(0, 20, texture.shape) for _ in range(2))
    blocks = measure_blocks(one)
    alone = group_blocks(blocks)
    helped = group_blocks(blocks, measure_blocks((one - two) / 2**0.5))
    assert min(level.sd for level in alone) > 21
    assert not any(level.is_white for level in alone)
    shares = [level.share for level in helped]
    assert np.average([x.sd for x in helped], weights=shares) == pytest.approx(20, rel=0.03)


def test_planes_that_share_noise_along_z_are_measured_by_themselves() -> None:
    first, second = RNG.normal(300, 20, (2, 512, 512))
    between = (first + second) / 2
    levels = group_blocks(measure_blocks(first), measure_blocks((first - between) / 2**0.5))
    shares = [level.share for level in levels]
    assert np.average([x.sd for x in levels], weights=shares) == pytest.approx(20, rel=0.02)


def test_nothing_varies() -> None:
    assert group_blocks(measure_blocks(np.full((64, 64), 7.0))) == []
