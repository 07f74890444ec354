from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import (
    ERROR_FILE,
    AugmentedDenoiser,
    ErrorModel,
    UncertainDenoiser,
    load_error_model,
)
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from tests.made import copy_model, fresh_model

PLANE = np.random.default_rng(1).gamma(4, 60, (93, 141)).astype(np.uint16)


@pytest.fixture
def measured(model: Model, tmp_path: Path) -> Model:
    """The model in a folder of its own, with factors."""
    copy = copy_model(model, tmp_path / "mine")
    ErrorModel(5.0, 0.1, copy.spec.sha256, {"clean": ["a.tif"]}).write(copy.folder)
    return copy


@pytest.mark.parametrize("tile", [16, 50, 64, 93])
def test_tiled_equals_whole(model: Model, tile: int) -> None:
    plane = PLANE if tile > 16 else PLANE[:41, :57]  # which is many tiles as well
    whole = AugmentedDenoiser(model, DenoiseSettings(tile=1024))(plane)
    tiled = AugmentedDenoiser(model, DenoiseSettings(tile=tile))(plane)
    assert tiled.shape == (3, *plane.shape)
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, atol=2e-3, rtol=1e-4)


def test_the_description_is_the_models(model: Model) -> None:
    assert AugmentedDenoiser(model, DenoiseSettings()).spec == model.spec


def test_the_denoised_plane_is_the_plain_one(model: Model) -> None:
    plain = Denoiser(model, DenoiseSettings())(PLANE)
    np.testing.assert_allclose(
        AugmentedDenoiser(model, DenoiseSettings())(PLANE)[0], plain, atol=1e-3
    )


def test_spread_and_residue_are_what_they_are_said_to_be(model: Model) -> None:
    plane = PLANE[:64, :88]  # On the pooling grid, so that it may be turned as a whole.
    denoise = Denoiser(model, DenoiseSettings())
    turned = [np.rot90(denoise(np.rot90(plane, k)), -k) for k in range(4)]
    _, spread, residue = AugmentedDenoiser(model, DenoiseSettings())(plane)
    expected = np.sqrt(uniform_filter(np.var(turned, 0, ddof=1), 5))
    inside = slice(9, -9)  # Windows look beyond the plane's edge here, into its mirror image.
    np.testing.assert_allclose(
        spread[inside, inside], expected[inside, inside], atol=2e-3, rtol=1e-3
    )
    left = np.sqrt(uniform_filter((plane - turned[0]) ** 2, 17))
    np.testing.assert_allclose(residue[inside, inside], left[inside, inside], rtol=1e-3)


def test_the_error_follows_from_both(measured: Model) -> None:
    denoised, error = UncertainDenoiser(measured, DenoiseSettings(tile=64))(PLANE)
    plain, spread, residue = AugmentedDenoiser(measured, DenoiseSettings(tile=64))(PLANE)
    np.testing.assert_array_equal(denoised, plain)
    np.testing.assert_allclose(error, np.hypot(5 * spread, 0.1 * residue), rtol=1e-5)


def test_a_3d_model() -> None:
    model = fresh_model("residual-2.5d")
    stack = np.random.default_rng(2).gamma(4, 60, (5, 64, 72)).astype(np.uint16)
    found = AugmentedDenoiser(model, DenoiseSettings(tile=32))(stack)
    plain = Denoiser(model, DenoiseSettings())(stack)
    assert found.shape == (3, 64, 72)
    np.testing.assert_allclose(found[0], plain, atol=1e-3)


def test_what_was_measured_is_read_again(measured: Model) -> None:
    found = load_error_model(measured)
    assert (found.spread, found.residue) == (5.0, 0.1)
    assert found.measured_on == {"clean": ["a.tif"]}


def test_a_model_that_was_not_measured(model: Model) -> None:
    with pytest.raises(CrispimError, match=r"has no uncertainty.json.* models calibrate"):
        UncertainDenoiser(model, DenoiseSettings())


def test_factors_of_other_weights(measured: Model) -> None:
    replace(load_error_model(measured), sha256="0" * 64).write(measured.folder)
    with pytest.raises(CrispimError, match="measured for other weights"):
        load_error_model(measured)


@pytest.mark.parametrize("spread", [-1.0, float("nan"), float("inf"), "5", None])
def test_factors_that_can_not_be(measured: Model, spread: object) -> None:
    values = {"spread": spread, "residue": 0.1, "sha256": measured.spec.sha256}
    (measured.folder / ERROR_FILE).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(CrispimError, match="factors that can't be"):
        load_error_model(measured)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"spread": 1}', '{"other": 1}'])
def test_files_that_can_not_be_read(measured: Model, text: str) -> None:
    (measured.folder / ERROR_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CrispimError, match=r"can't be read.* models calibrate"):
        load_error_model(measured)
