from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from crispim_ij.models import ModelSpec, find_model
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.previewing.noise import Noise, judge, measure_noise, suitable, trained_noise

SHIPPED = find_model("crispim-2d")


@pytest.mark.parametrize("sd", [10.0, 40.0])
def test_gaussian_noise_is_found(sd: float) -> None:
    clean = simulate_volume(PhantomSettings(shape=(2, 256, 256)))
    noise = measure_noise(clean + np.random.default_rng(0).normal(0, sd, clean.shape))
    for found in (noise.dark, noise.typical, noise.bright):
        assert found == pytest.approx(sd, rel=0.1)
    assert noise.is_correlated is False


def test_noise_that_grows_with_light_is_found() -> None:
    light = np.linspace(100, 2000, 512) * np.ones((512, 1))
    noise = measure_noise(np.random.default_rng(0).poisson(light)[np.newaxis])
    assert noise.dark < noise.typical < noise.bright
    assert noise.typical == pytest.approx(np.sqrt(1050), rel=0.15)


def test_shared_noise_is_told() -> None:
    light = np.linspace(100, 2000, 512) * np.ones((768, 1))
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 100, light.shape), 1)
    assert measure_noise((light + noise)[np.newaxis]).is_correlated


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 20, 30)])
def test_planes_without_structure_have_one_value(shape: tuple[int, int, int]) -> None:
    noise = measure_noise(np.random.default_rng(0).normal(300, 20, shape))
    assert noise.dark == noise.typical == noise.bright == pytest.approx(20, rel=0.2)
    assert noise.is_correlated is None


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 1, 9)])
def test_empty_planes_have_none(shape: tuple[int, int, int]) -> None:
    assert measure_noise(np.zeros(shape, np.uint16)) == Noise(0, 0, 0, None)


@pytest.mark.parametrize(
    ("noise", "fits", "says"),
    [
        (Noise(28, 30, 40, False), True, "which fits."),
        (Noise(28, 30, 90, False), True, "fits all but bright parts"),
        (Noise(3, 4, 5, None), False, "weaker"),
        (Noise(70, 80, 90, None), False, "stronger"),
        (Noise(28, 30, 40, True), False, "neighbours share noise"),
    ],
)
def test_noise_is_compared_with_the_shipped_models(noise: Noise, fits: bool, says: str) -> None:
    fit = judge(noise, SHIPPED.spec)
    assert fit.fits is fits
    assert says in fit.says
    assert ("crispim-2d" in suitable(noise, [SHIPPED])) is fits


@pytest.mark.parametrize(
    "recipe",
    [
        None,
        "crispim-2d",
        {},
        {"noise_sd": 30},
        {"noise_sd": ["10", "60"]},
        {"noise_sd": [10, 60], "recorruption": 0.3},
        {"noise_sd": [10, 60], "camera": {"gain": 1}},
    ],
)
def test_recipes_that_do_not_tell(recipe: Any) -> None:
    spec: ModelSpec = replace(SHIPPED.spec, provenance={"recipe": recipe})
    assert trained_noise(spec) is None
    assert judge(Noise(30, 30, 30, False), spec).fits is None


def test_the_shipped_recipe_tells() -> None:
    assert trained_noise(SHIPPED.spec) == (10, 60)
