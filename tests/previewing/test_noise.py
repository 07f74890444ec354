from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crispim_ij.models import ModelSpec, find_model
from crispim_ij.noise import Noise
from crispim_ij.previewing.noise import judge, suitable, trained_noise

SHIPPED = find_model("crispim-2d")


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
