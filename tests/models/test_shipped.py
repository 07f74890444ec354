"""The model that ships does what its card says, on simulated planes."""

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

NAME = "crispim-2d"


@pytest.fixture(scope="module")
def denoise() -> Denoiser:
    return load_denoiser(NAME)


@pytest.fixture(scope="module")
def clean() -> NDArray[np.float64]:
    settings = PhantomSettings(shape=(1, 256, 320), pixel_size=7.2, seed=11)
    return simulate_volume(settings)[0].astype(np.float64)


def with_noise(clean: NDArray[np.float64], sd: float) -> NDArray[np.uint16]:
    noise = np.random.default_rng(0).normal(0, sd, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)


def test_it_has_a_card_and_a_provenance() -> None:
    model = find_model(NAME)
    card = (model.folder / "README.md").read_text(encoding="utf-8")
    for stack in model.spec.provenance["data"]:
        assert Path(stack["clean"]).stem.rpartition("-")[0] in card
    assert model.spec.provenance["recipe"]["name"] == NAME
    assert (model.folder / "model.keras").stat().st_size < 25e6


@pytest.mark.parametrize("sd", [30, 40])
def test_it_beats_the_paper_baselines(
    denoise: Denoiser, clean: NDArray[np.float64], sd: float
) -> None:
    noisy = with_noise(clean, sd)
    error = rmse(clean, denoise(noisy))
    assert error < 0.5 * rmse(clean, noisy)
    for name in ("tv", "cv2"):
        assert error < rmse(clean, BASELINES[name](noisy))


@pytest.mark.parametrize(("scale", "offset"), [(10, 0), (0.1, 0), (1, 20_000), (0, 0), (0, 500)])
def test_it_is_never_worse_than_noisy(
    denoise: Denoiser, clean: NDArray[np.float64], scale: float, offset: float
) -> None:
    """Brighter, darker and empty planes, far from what it was trained on."""
    plane = np.clip(clean * scale + offset, 0, 65535)
    noisy = with_noise(plane, 35)
    assert rmse(plane, denoise(noisy)) < rmse(plane, noisy)
