"""The models that ship do what their cards say, on simulated planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, load_denoiser
from crispim_ij.evaluation import BASELINES
from crispim_ij.evaluation.metrics import rmse
from crispim_ij.models import find_model
from crispim_ij.phantom import PhantomSettings, simulate_volume

NAMES = ["crispim-2d", "crispim-2d-fast", "crispim-3d"]


@pytest.fixture(scope="module", params=["crispim-2d", "crispim-2d-fast"])
def denoise(request: pytest.FixtureRequest) -> Denoiser:
    """Each 2D model."""
    return load_denoiser(request.param)


@pytest.fixture(scope="module")
def clean() -> NDArray[np.float64]:
    settings = PhantomSettings(shape=(1, 256, 320), pixel_size=7.2, seed=11)
    return simulate_volume(settings)[0].astype(np.float64)


def with_noise(clean: NDArray[np.float64], sd: float) -> NDArray[np.uint16]:
    noise = np.random.default_rng(0).normal(0, sd, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_card_and_a_provenance(name: str) -> None:
    model = find_model(name)
    card = (model.folder / "README.md").read_text(encoding="utf-8")
    for stack in model.spec.provenance["data"]:
        assert Path(stack["clean"]).stem.partition("-")[0] in card
    assert model.spec.provenance["recipe"]["name"] == name
    assert (model.folder / "model.keras").stat().st_size < 25e6


@pytest.mark.parametrize("sd", [30, 40])
def test_it_beats_the_paper_baselines(
    denoise: Denoiser, clean: NDArray[np.float64], sd: float
) -> None:
    noisy = with_noise(clean, sd)
    error = rmse(clean, denoise.told_by(noisy)(noisy))
    assert error < 0.4 * rmse(clean, noisy)
    for name in ("tv", "cv2"):
        assert error < rmse(clean, BASELINES[name](noisy))


@pytest.mark.parametrize(("scale", "offset"), [(10, 0), (0.1, 0), (1, 20_000), (0, 0), (0, 500)])
def test_it_is_never_worse_than_noisy(
    denoise: Denoiser, clean: NDArray[np.float64], scale: float, offset: float
) -> None:
    """Brighter, darker and empty planes; noise that is cut off at 0 can't be measured."""
    plane = np.clip(clean * scale + offset, 0, 65535)
    noisy = with_noise(plane, 35)
    result = denoise.told_by(noisy)(noisy)
    if plane.any():
        assert rmse(plane, result) < rmse(plane, noisy)
    else:
        np.testing.assert_array_equal(result, noisy)


@pytest.mark.parametrize(("sd", "share"), [(2, 0.88), (10, 0.6), (35, 0.35), (200, 0.17)])
def test_it_serves_any_strength_of_noise(
    denoise: Denoiser, clean: NDArray[np.float64], sd: float, share: float
) -> None:
    """Nobody tells it but the planes themselves."""
    noisy = (clean + 200 + np.random.default_rng(0).normal(0, sd, clean.shape)).astype(np.float32)
    assert rmse(clean + 200, denoise.told_by(noisy)(noisy)) < share * sd


@pytest.mark.parametrize("scale", [1e-5, 100])
def test_the_unit_does_not_matter_to_it(
    denoise: Denoiser, clean: NDArray[np.float64], scale: float
) -> None:
    noisy = with_noise(clean, 35).astype(np.float32)
    scaled = noisy * np.float32(scale)
    expected = denoise.told_by(noisy)(noisy)
    difference = denoise.told_by(scaled)(scaled) / scale - expected
    assert np.abs(difference).max() < 1e-3 * 35


def test_a_saturated_region_casts_no_shadow(denoise: Denoiser, clean: NDArray[np.float64]) -> None:
    bright = clean.copy()
    bright[100:140, 100:140] = 65535
    noisy, plain = with_noise(bright, 35), with_noise(clean, 35)
    tell = denoise.told_by(plain)
    change = np.abs(tell(noisy) - tell(plain))
    change[98:142, 98:142] = 0
    assert change.max() < 4 * 35
    change[90:150, 90:150] = 0
    assert change.max() < 2.5 * 35
