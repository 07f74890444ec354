from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.models import Model, ModelSpec, find_model
from crispim_ij.noise import CameraNoise, LightLevel, Measurement, measure_noise
from crispim_ij.noise.suitability import Neighbours, judge, misfits, suitable, trained_noise
from crispim_ij.planes.arrays import ArraySource
from tests.guessing import guessing_model


@pytest.fixture(scope="module")
def guesses(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return guessing_model(tmp_path_factory.mktemp("models") / "guesses")


def measured(dark: float, bright: float, *, shared: bool = False) -> Measurement:
    """Noise of planes, half of 100 counts and half of 500."""
    levels = tuple(
        LightLevel(light, sd, 0.5, 0.01, True, 1.0, 0.0, 0.0, 0.0, 0.0)
        for light, sd in ((100, dark), (500, bright))
    )
    noise = CameraNoise((bright**2 - dark**2) / 400, 100, dark)
    return Measurement(0, noise, levels, shared, None, "line through levels of light")


@pytest.mark.parametrize(
    ("noise", "fits", "says"),
    [
        (measured(30, 40), True, "which fits."),
        (measured(30, 90), True, "fits all but bright parts"),
        (measured(4, 5), False, "weaker"),
        (measured(80, 90), False, "stronger"),
        (measured(30, 40, shared=True), False, "neighbours share noise"),
    ],
)
def test_noise_is_compared_with_what_a_model_was_trained_on(
    guesses: Model, noise: Measurement, fits: bool, says: str
) -> None:
    fit = judge(noise, guesses.spec)
    assert fit.fits is fits
    assert says in fit.says
    assert ("guesses" in suitable(noise, [guesses])) is fits


def test_any_noise_but_a_shared_one_fits_the_models_that_ship() -> None:
    shipped = [find_model("crispim-2d")]
    assert suitable(measured(1, 900), shipped) == ["crispim-2d"]
    assert suitable(measured(30, 40, shared=True), shipped) == []


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
def test_recipes_that_do_not_tell(guesses: Model, recipe: Any) -> None:
    spec: ModelSpec = replace(guesses.spec, provenance={"recipe": recipe})
    assert trained_noise(spec) is None
    assert judge(measured(30, 30), spec).fits is None


def test_a_recipe_tells(guesses: Model) -> None:
    assert trained_noise(guesses.spec) == (10, 60)


def test_noise_that_could_not_be_measured_is_no_misfit(guesses: Model) -> None:
    nothing = Measurement(0, None, (), is_correlated=False, problem="Why not.", basis=None)
    fit = judge(nothing, guesses.spec)
    assert fit.fits is None
    assert "could not be measured" in fit.says


def test_a_3d_model_does_not_suit_one_slice() -> None:
    deep = find_model("crispim-3d")
    fit = judge(measured(30, 40), deep.spec, Neighbours(1))
    assert fit.fits is False
    assert "but there is one slice" in fit.says
    assert judge(measured(30, 40), deep.spec, Neighbours(2)).fits
    assert suitable(measured(30, 40), [deep, find_model("crispim-2d")], Neighbours(1)) == [
        "crispim-2d"
    ]


@pytest.mark.parametrize("margin", [0, 40])
@pytest.mark.parametrize(("shared", "fits"), [(0.95, True), (0.4, False)])
def test_a_3d_model_does_not_suit_planes_that_are_unlike(
    shared: float, fits: bool, margin: int
) -> None:
    """However strong the noise is: what planes share is all that counts, but for filled margins."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.normal(0, 1, (7, 200, 200)), (0, 3, 3))
    common, own = (part / part.std() for part in (smooth[:1], smooth[1:]))
    planes = 300 + 50 * (shared**0.5 * common + (1 - shared) ** 0.5 * own)
    noisy = (planes + rng.normal(0, 60, planes.shape)).astype(np.float32)
    noisy[:, :margin] = noisy[:, :, : 2 * margin] = 0
    source = ArraySource(noisy)
    assert Neighbours.of(source) == Neighbours(6, pytest.approx(shared, abs=0.12))
    said = misfits(source, find_model("crispim-3d"))
    assert (said == []) is fits
    if not fits:
        assert re.search(r"neighbouring planes are unlike here \(correlation 0\.[34]", said[0])
        assert said[0].endswith("These models fit (--model): crispim-2d, crispim-2d-fast.")
    assert misfits(source, find_model("crispim-2d")) == []


def test_noise_that_pixels_share_is_no_structure_that_is_unlike() -> None:
    noise = uniform_filter(np.random.default_rng(0).normal(0, 60, (4, 100, 100)), (0, 2, 2))
    source = ArraySource((300 + noise).astype(np.float32))
    (found,) = measure_noise(source)
    assert found.is_correlated
    deep = find_model("crispim-3d")
    assert misfits(source, deep) == []
    assert "neighbours share noise" in judge(found, deep.spec, Neighbours.of(source)).says


def test_of_one_slice_no_3d_model_is_offered(guesses: Model) -> None:
    noise = np.random.default_rng(0).normal(3000, 400, (1, 100, 100)).astype(np.float32)
    (said,) = misfits(ArraySource(noise), guesses)
    assert "this is stronger" in said
    assert "crispim-2d" in said
    assert "crispim-3d" not in said


def test_planes_without_structure_tell_nothing_of_their_neighbours() -> None:
    noise = np.random.default_rng(0).normal(300, 30, (4, 100, 100)).astype(np.float32)
    assert Neighbours.of(ArraySource(noise)) == Neighbours(4, None)


def test_a_model_that_has_learnt_a_grain_suits_noise_that_is_shared() -> None:
    spec = find_model("crispim-2d").spec
    learnt = replace(spec, provenance={"data": [{"grain": {"down": 0.5, "right": 0.5}}]})
    noise = np.random.default_rng(0).normal(300, 60, (4, 100, 100))
    (shared,) = measure_noise(ArraySource(uniform_filter(noise, (0, 2, 2))))
    assert judge(shared, spec).fits is False
    assert judge(shared, learnt).fits
    assert "learnt how pixels share noise" in judge(shared, learnt).says
    (white,) = measure_noise(ArraySource(noise))
    assert judge(white, learnt).fits is False
    assert "adapted to noise that correlates by 0.50 down" in judge(white, learnt).says
