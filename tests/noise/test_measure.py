from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from crispim_ij.noise import Noise, measure_noise
from crispim_ij.phantom import PhantomSettings, simulate_volume


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
