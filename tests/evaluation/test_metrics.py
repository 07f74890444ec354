from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from skimage import metrics as library

from crispim_ij.evaluation import metrics
from crispim_ij.evaluation.metrics import cutoff_frequency, ring_correlation


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


def white(seed: int, shape: tuple[int, int] = (256, 256)) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(200, 50, shape)


def low_pass(plane: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Keep only frequencies up to the cut-off, in cycles per px."""
    radius = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, plane.shape), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(plane) * (radius <= cutoff)).real


def test_a_plane_agrees_with_itself() -> None:
    curve = ring_correlation(white(0), white(0))
    np.testing.assert_allclose(curve.correlation, 1)
    assert curve.frequency[-1] == 0.5
    assert cutoff_frequency(white(0), white(0)) == 0.5


def test_scale_and_offset_do_not_matter() -> None:
    np.testing.assert_allclose(ring_correlation(white(0), 3 * white(0) + 900).correlation, 1)


def test_independent_noise_does_not_correlate() -> None:
    correlation = ring_correlation(white(0), white(1)).correlation
    assert abs(correlation[20:].mean()) < 0.02
    assert cutoff_frequency(white(0), white(1)) < 0.05


@pytest.mark.parametrize("cutoff", [0.08, 0.15, 0.3, 0.42])
@pytest.mark.parametrize("shape", [(256, 256), (200, 333)])
def test_a_known_cutoff_is_found(cutoff: float, shape: tuple[int, int]) -> None:
    """Both planes share what lies below the cut-off and have noise of their own above."""
    shared = low_pass(white(0, shape), cutoff)
    first, second = (
        shared + 0.5 * (white(seed, shape) - low_pass(white(seed, shape), cutoff))
        for seed in (1, 2)
    )
    # The window blurs by a ring, the smoothing by another, and a ring has a width.
    assert cutoff_frequency(first, second) == pytest.approx(cutoff, abs=3.5 / min(shape))


def test_the_level_is_the_share_of_common_power() -> None:
    """Two planes with noise of the same power as their signal correlate by one half."""
    shared = white(0) - 200
    first, second = (shared + white(seed) for seed in (1, 2))
    assert ring_correlation(first, second).correlation[10:].mean() == pytest.approx(0.5, abs=0.02)


def test_an_even_plane_correlates_with_nothing() -> None:
    curve = ring_correlation(np.full((64, 64), 7), white(0, (64, 64)))
    np.testing.assert_array_equal(curve.correlation, 0)
