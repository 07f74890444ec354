"""How far a result is from the clean plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PUBLISHED_RANGE = 65535.0  # of the paper's PSNR and SSIM
SSIM_WINDOW = 7  # scikit-image's default side


def psnr(clean: NDArray[Any], result: NDArray[Any], data_range: float = PUBLISHED_RANGE) -> float:
    r"""Peak signal-to-noise ratio, :math:`20 \log_{10}(range / RMSE)`.

    Parameters
    ----------
    clean, result : ndarray, shape (Y, X)
        Counts.
    data_range : float
        The range in counts; the paper's by default.

    Returns
    -------
    float
        In dB; infinite for equal planes.
    """
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(*_real(clean, result), data_range=data_range))


def ssim(clean: NDArray[Any], result: NDArray[Any], data_range: float = PUBLISHED_RANGE) -> float:
    """Structural similarity, the mean over 7 x 7 windows.

    Parameters
    ----------
    clean, result : ndarray, shape (Y, X)
        Counts, at least 7 x 7.
    data_range : float
        The range in counts; the paper's by default, at which SSIM saturates near 1.

    Returns
    -------
    float
        At most 1.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(*_real(clean, result), win_size=SSIM_WINDOW, data_range=data_range)
    )


def pearson(clean: NDArray[Any], result: NDArray[Any]) -> float:
    """Pearson's correlation coefficient over all pixels.

    Parameters
    ----------
    clean, result : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    float
        From -1 to 1; NaN where either plane is constant.
    """
    from scipy.stats import pearsonr

    first, second = (plane.ravel() for plane in _real(clean, result))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(pearsonr(first, second).statistic)


def rmse(clean: NDArray[Any], result: NDArray[Any]) -> float:
    """Root mean square error.

    Parameters
    ----------
    clean, result : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    float
        In counts.
    """
    from skimage.metrics import mean_squared_error

    return float(np.sqrt(mean_squared_error(*_real(clean, result))))


def robust_range(clean: NDArray[Any]) -> float:
    """Range that a plane really uses: the span of its 0.1 to 99.9 percentiles.

    Parameters
    ----------
    clean : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    float
        In counts, at least 1 so that an empty plane has finite metrics.
    """
    low, high = np.percentile(clean, (0.1, 99.9))
    return max(float(high - low), 1.0)


def _real(*planes: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
    """Return planes in double precision, as integers would wrap around."""
    return tuple(np.asarray(plane, np.float64) for plane in planes)
