from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import AugmentedDenoiser
from crispim_ij.evaluation import EvaluationSettings, NoiseSettings, noisy_plane
from crispim_ij.evaluation.inputs import choose_planes
from crispim_ij.evaluation.uncertainty import fit_factors, gather, measure_errors, reliability
from crispim_ij.models import Model
from crispim_ij.planes import open_source
from tests.made import fresh_model

SETTINGS = EvaluationSettings(2, NoiseSettings((20, 20)))


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    speckle = np.random.default_rng(5).gamma(4, 60, (4, 40, 48))
    planes = gaussian_filter(speckle, (0, 2, 2)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "clean.tif", planes, photometric="minisblack")
    return tmp_path / "clean.tif"


@pytest.fixture
def model() -> Model:
    return fresh_model("residual-2d")


def drawn(spread: float, residue: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    seen = rng.gamma(3, 1, (40_000, 2)) ** 2
    error = rng.standard_normal(len(seen)) ** 2 * (seen @ np.square([spread, residue]))
    return np.column_stack([seen, error])


@settings(max_examples=15)
@given(st.floats(0.5, 8), st.floats(0.5, 8), st.integers(0, 20))
def test_factors_are_found_again(spread: float, residue: float, seed: int) -> None:
    found = fit_factors(drawn(spread, residue, seed))
    assert np.hypot(*found) == pytest.approx(np.hypot(spread, residue), rel=0.1)
    np.testing.assert_allclose(found, (spread, residue), atol=0.12 * np.hypot(spread, residue))


def test_a_factor_that_is_of_no_use_is_zero() -> None:
    spread, residue = fit_factors(drawn(3.0, 0.0, 1))
    assert spread == pytest.approx(3, rel=0.03)
    assert residue < 0.3


def test_no_other_factors_suit_errors_better() -> None:
    """Where spreads are tiny, errors are larger than any factors expect."""
    rng = np.random.default_rng(0)
    spread, residue = np.exp(rng.normal(0, 2.5, 40_000)), rng.uniform(100, 3000, 40_000)
    variance = 50 * spread + 3 * rng.exponential(1, 40_000) * spread**-0.3
    squares = np.column_stack([spread, residue, rng.standard_normal(40_000) ** 2 * variance])

    def misfit(factors: tuple[float, float]) -> float:
        expected = squares[:, :2] @ np.square(factors)
        return float(np.mean(np.log(expected) + squares[:, 2] / expected))

    found = fit_factors(squares)
    others = product(np.linspace(0.5, 9, 18), np.linspace(0.02, 0.2, 10))
    assert misfit(found) <= min(map(misfit, others))


def test_bins_rise_and_tell_wrong_expectations() -> None:
    expected = np.random.default_rng(0).gamma(2, 10, 5000)
    bins = list(reliability(expected, 4 * expected))
    assert len(bins) == 10
    assert [b.expected for b in bins] == sorted(b.expected for b in bins)
    assert [b.real / b.expected for b in bins] == pytest.approx([2] * 10)


def test_errors_are_those_of_the_model(clean: Path, model: Model) -> None:
    """Of small planes every pixel is picked, in any order."""
    denoise = Denoiser(model, DenoiseSettings())
    with open_source(clean) as source:
        squares = gather(source, AugmentedDenoiser(model, DenoiseSettings()), SETTINGS)
        errors = [
            denoise(noisy_plane(source.read(k), k, SETTINGS.noise)[0]) - source.read(k)
            for k in choose_planes(len(source), SETTINGS)
        ]
    assert squares.shape == (2 * 40 * 48, 3)
    expected = np.sort(np.square(errors).ravel())
    np.testing.assert_allclose(np.sort(squares[:, 2]), expected, rtol=1e-3, atol=1e-2)


def test_what_is_measured_suits_the_planes(clean: Path, model: Model) -> None:
    seen = []
    with open_source(clean) as source:
        errors, bins = measure_errors(model, [source], SETTINGS, lambda: seen.append(1))
    assert len(seen) == 2
    assert errors.sha256 == model.spec.sha256
    assert errors.measured_on == {"clean": ["clean.tif"], "planes": 2, "noise_sd": [20, 20]}
    overall = np.sqrt(np.mean([b.real**2 for b in bins]) / np.mean([b.expected**2 for b in bins]))
    assert overall == pytest.approx(1, rel=0.05)
