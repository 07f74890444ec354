from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.training import Recipe
from crispim_ij.training.patches import SATURATED, add_unit_noise

RECIPE = Recipe(
    name="told",
    architecture="stabilised-2d",
    steps=1,
    batch=1,
    patch=64,
    noise_sd=(1.0, 1.0),
    contrast=(20.0, 20.0),
)


def ramp(planes: int = 1) -> NDArray[np.float32]:
    """Planes from 1000 to 3000 counts."""
    row = np.linspace(1000, 3000, 256, dtype=np.float32)
    return np.broadcast_to(row, (planes, 256, 256)).copy()


def draw(recipe: Recipe, seed: int = 0, own: float = 0.0, planes: int = 1):
    return add_unit_noise(ramp(planes), 1000, 2000, own, recipe, np.random.default_rng(seed))


def test_counts_come_in_units_of_the_noise() -> None:
    noisy, clean = draw(RECIPE)
    np.testing.assert_allclose(clean[0, 0, [0, -1]], [0, 20], atol=1e-4)
    assert noisy.dtype == clean.dtype == np.float32
    assert np.std(noisy - clean) == pytest.approx(1, abs=0.02)


def test_every_plane_has_noise_of_its_own() -> None:
    noisy, clean = draw(RECIPE, planes=2)
    first, second = noisy - clean
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


def test_what_is_told_may_be_wrong_by_as_much_as_the_recipe_says() -> None:
    spread = replace(RECIPE, noise_sd=(0.8, 1.2))
    sds = [np.std(np.subtract(*draw(spread, seed))) for seed in range(30)]
    assert 0.78 < min(sds) < 0.85
    assert 1.15 < max(sds) < 1.22


def test_a_noisy_stack_gets_little_contrast() -> None:
    """Its own noise, 40 counts of a span of 2000, is at most half a unit."""
    wide = replace(RECIPE, contrast=(20.0, 200.0), own_noise=0.5)
    spans = [float(np.ptp(draw(wide, seed, own=40)[1])) for seed in range(20)]
    assert max(spans) <= 0.5 * 2000 / 40 + 1e-3
    assert max(float(np.ptp(draw(wide, seed)[1])) for seed in range(20)) > 100


def test_noise_that_grows_with_light_is_stabilised() -> None:
    shot = replace(RECIPE, shot_share=1.0)
    for seed in range(5):
        noisy, clean = draw(shot, seed)
        bright = slice(128, None)
        assert np.std((noisy - clean)[..., bright]) == pytest.approx(1, abs=0.04)
        assert abs(np.mean((noisy - clean)[..., bright])) < 0.05


def test_spots_are_far_brighter_than_all_else() -> None:
    bright = replace(RECIPE, bright_share=1.0)
    tops = [float(draw(bright, seed)[1].max()) for seed in range(20)]
    assert max(tops) > 1000
    assert sum(top >= SATURATED[0] for top in tops) > 15
    assert float(draw(RECIPE)[1].max()) < 21


def test_the_same_chance_gives_the_same() -> None:
    mixed = replace(RECIPE, shot_share=0.5, bright_share=0.5)
    np.testing.assert_array_equal(draw(mixed, 3)[0], draw(mixed, 3)[0])


def test_a_network_that_is_told_the_noise_needs_a_contrast() -> None:
    with pytest.raises(CrispimError, match=r"contrast is None .* must be given, in units of"):
        replace(RECIPE, contrast=None)
