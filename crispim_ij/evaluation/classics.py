"""Classic denoisers, each at the strength that suits it best: what a network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]


def total_variation(plane: Plane, weight: float) -> NDArray[np.float64]:
    """Total variation by split Bregman; a lower weight is stronger. See scikit-image."""
    from skimage.restoration import denoise_tv_bregman

    return np.asarray(denoise_tv_bregman(np.asarray(plane, np.float64), weight=weight))


def non_local_means(plane: Plane, strength: float) -> NDArray[np.float64]:
    """Non-local means, its cut-off a multiple of the noise that the plane is estimated to have."""
    from skimage.restoration import denoise_nl_means, estimate_sigma

    values = np.asarray(plane, np.float64)
    sigma = float(estimate_sigma(values))
    return np.asarray(denoise_nl_means(values, 5, 6, h=strength * sigma, sigma=sigma))


def wavelet(plane: Plane, strength: float) -> NDArray[np.float64]:
    """Wavelet shrinkage (BayesShrink), for a multiple of the noise that is estimated."""
    from skimage.restoration import denoise_wavelet, estimate_sigma

    values = np.asarray(plane, np.float64)
    # Its thresholds are relative to the values, which must lie between 0 and 1.
    low, span = float(values.min()), max(float(np.ptp(values)), 1.0)
    scaled = (values - low) / span
    sigma = strength * float(estimate_sigma(scaled))
    return np.asarray(denoise_wavelet(scaled, sigma=sigma, wavelet="db2") * span + low)


def gaussian(plane: Plane, sigma: float) -> NDArray[np.float64]:
    """Gaussian blur, `sigma` in px."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(plane, np.float64), sigma))


@dataclass(frozen=True)
class Classic:
    """A denoiser with one strength to choose.

    Attributes
    ----------
    denoise : callable
        Takes a noisy (Y, X) plane of counts and the strength.
    strengths : tuple of float
        What is tried.
    """

    denoise: Callable[[Plane, float], NDArray[np.float64]]
    strengths: tuple[float, ...]


CLASSICS: Mapping[str, Classic] = MappingProxyType(
    {
        "tv-tuned": Classic(total_variation, (0.005, 0.01, 0.015, 0.02, 0.03, 0.045, 0.07, 0.1)),
        "nlm-tuned": Classic(non_local_means, (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)),
        "wavelet-tuned": Classic(wavelet, (0.5, 0.75, 1.0, 1.5, 2.0)),
        "gaussian-tuned": Classic(gaussian, (0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)),
    }
)
"""Denoisers by the names that the command line has for them."""
