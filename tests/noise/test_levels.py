from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from crispim_ij.noise.blocks import measure_blocks
from crispim_ij.noise.levels import MOST_CLIPPED, group_blocks

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
