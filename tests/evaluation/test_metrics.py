from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from skimage import metrics as library

from crispim_ij.evaluation import metrics


def test_metrics_equal_the_libraries(
    volume: NDArray[np.uint16], noisy: NDArray[np.float64]
) -> None:
    clean = volume[0]
    real = clean.astype(np.float64)
    assert metrics.psnr(clean, noisy) == library.peak_signal_noise_ratio(
        real, noisy, data_range=65535
    )
    assert metrics.ssim(clean, noisy) == library.structural_similarity(
        real, noisy, data_range=65535
    )
    assert metrics.pearson(clean, noisy) == pytest.approx(
        stats.pearsonr(real.ravel(), noisy.ravel()).statistic, abs=0
    )
    assert metrics.rmse(clean, noisy) == pytest.approx(np.sqrt(np.mean((real - noisy) ** 2)))


def test_published_psnr_follows_from_rmse(
    volume: NDArray[np.uint16], noisy: NDArray[np.float64]
) -> None:
    expected = 20 * math.log10(65535 / metrics.rmse(volume[0], noisy))
    assert metrics.psnr(volume[0], noisy) == pytest.approx(expected)


def test_unsigned_planes_do_not_wrap_around() -> None:
    clean = np.full((8, 8), 10, np.uint16)
    assert metrics.rmse(clean, clean + np.uint16(5)) == 5
    assert metrics.rmse(clean + np.uint16(5), clean) == 5


def test_robust_range_ignores_the_few_brightest_pixels() -> None:
    clean = np.tile(np.linspace(100, 500, 100), (100, 1))
    clean[0, :3] = 60000
    assert metrics.robust_range(clean) == pytest.approx(400, abs=5)


def test_robust_range_of_an_empty_plane_is_one() -> None:
    assert metrics.robust_range(np.zeros((9, 9), np.uint16)) == 1


def test_equal_planes() -> None:
    clean = np.arange(100.0).reshape(10, 10)
    assert metrics.psnr(clean, clean) == math.inf
    assert metrics.ssim(clean, clean) == pytest.approx(1)
    assert metrics.pearson(clean, clean) == pytest.approx(1)
    assert metrics.rmse(clean, clean) == 0


def test_correlation_with_a_constant_plane_is_nan() -> None:
    assert math.isnan(metrics.pearson(np.arange(9.0), np.full(9, 0.1)))
