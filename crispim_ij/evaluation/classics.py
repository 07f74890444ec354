"""Denoisers that are no networks: the paper's baselines, tuned classics, BM3D and BM4D."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

Plane = NDArray[Any]
Counts = NDArray[np.float64]

VOLUME = 9
"""Planes that BM4D is given for one: four below it and four above."""

CV2_LARGEST = 255
"""Counts at which the paper's use of OpenCV saturates."""

_SMALLEST_SIDE = 8  # px, that of BM3D's blocks
_FEWEST = 5  # planes: BM4D's blocks are as high


def noisy(plane: Plane) -> Plane:
    """Return the plane itself: what doing nothing scores."""
    return plane


def cv2_means(plane: Plane) -> NDArray[np.uint8]:
    """Non-local means of OpenCV on what its `convertScaleAbs` makes of the plane.

    The conversion saturates at 255 counts, it doesn't rescale: that is why the paper's
    row is so poor. It is kept as published.
    """
    import cv2

    saturated = cv2.convertScaleAbs(np.asarray(plane, np.float64))
    result: NDArray[np.uint8] = cv2.fastNlMeansDenoising(
        saturated, None, h=10, templateWindowSize=7, searchWindowSize=21
    )
    return result


def total_variation(plane: Plane, weight: float) -> Counts:
    """Total variation by split Bregman; a lower weight is stronger."""
    from skimage.restoration import denoise_tv_bregman

    # In floating point: scikit-image would scale integers to 0..1.
    return np.asarray(denoise_tv_bregman(np.asarray(plane, np.float64), weight=weight))


def non_local_means(plane: Plane, strength: float) -> Counts:
    """Non-local means, its cut-off a multiple of the noise that the plane is estimated to have."""
    from skimage.restoration import denoise_nl_means, estimate_sigma

    values = np.asarray(plane, np.float64)
    sigma = float(estimate_sigma(values))
    return np.asarray(denoise_nl_means(values, 5, 6, h=strength * sigma, sigma=sigma))


def wavelet(plane: Plane, strength: float) -> Counts:
    """Wavelet shrinkage (BayesShrink), for a multiple of the noise that is estimated."""
    from skimage.restoration import denoise_wavelet, estimate_sigma

    values = np.asarray(plane, np.float64)
    # Its thresholds are relative to the values, which must lie between 0 and 1.
    low, span = float(values.min()), max(float(np.ptp(values)), 1.0)
    scaled = (values - low) / span
    sigma = strength * float(estimate_sigma(scaled))
    return np.asarray(denoise_wavelet(scaled, sigma=sigma, wavelet="db2") * span + low)


def gaussian(plane: Plane, sigma: float) -> Counts:
    """Gaussian blur, `sigma` in px."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(plane, np.float64), sigma))


def bm3d(plane: Plane, sd: float) -> Counts:
    """BM3D with its own settings, given the noise's standard deviation in counts.

    K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse 3-D
    transform-domain collaborative filtering", IEEE Transactions on Image Processing 16
    (2007) 2080-2095, doi:10.1109/TIP.2007.901238
    """
    _check_size(plane)
    return np.asarray(_package("bm3d").bm3d(np.asarray(plane, np.float64), sd))


def bm4d(planes: Plane, sd: float) -> Counts:
    """BM4D with its own settings on a mini-stack (Z, Y, X), of which the middle plane is taken.

    Planes that are mirrored beyond a stack's ends are left out: their noise comes twice, and
    would be taken for structure.

    M. Maggioni, V. Katkovnik, K. Egiazarian, A. Foi, "Nonlocal transform-domain filter for
    volumetric data denoising and reconstruction", IEEE Transactions on Image Processing 22
    (2013) 119-133, doi:10.1109/TIP.2012.2210725
    """
    _check_size(planes)
    own, middle = without_mirrored(planes)
    if len(own) < _FEWEST:
        raise CrispimError(
            f"BM4D can't take a stack of {len(own)} planes: give one of at least {_FEWEST}, or "
            "take bm3d."
        )
    return np.asarray(_package("bm4d").bm4d(np.asarray(own, np.float64), sd)[middle])


def without_mirrored(planes: Plane) -> tuple[Plane, int]:
    """Return a mini-stack's planes between the mirrors, and where its middle one is among them.

    Beyond a stack's end its last plane comes again, so two equal neighbours are where
    `crispim_ij.networks.mini_stack` put a mirror.
    """
    middle = len(planes) // 2
    mirrors = [k for k in range(1, len(planes)) if np.array_equal(planes[k - 1], planes[k])]
    first = max((k for k in mirrors if k <= middle), default=0)
    end = min((k for k in mirrors if k > middle), default=len(planes))
    return planes[first:end], middle - first


BASELINES: Mapping[str, Callable[[Plane], Plane]] = MappingProxyType(
    {"noisy": noisy, "tv": partial(total_variation, weight=0.1), "cv2": cv2_means}
)
"""The paper's baselines, with the parameters that it published."""


@dataclass(frozen=True)
class Classic:
    """A denoiser of (Y, X) planes of counts with a strength, and the strengths that are tried."""

    denoise: Callable[[Plane, float], Counts]
    strengths: tuple[float, ...]


CLASSICS: Mapping[str, Classic] = MappingProxyType(
    {
        "tv-tuned": Classic(total_variation, (0.005, 0.01, 0.015, 0.02, 0.03, 0.045, 0.07, 0.1)),
        "nlm-tuned": Classic(non_local_means, (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)),
        "wavelet-tuned": Classic(wavelet, (0.5, 0.75, 1.0, 1.5, 2.0)),
        "gaussian-tuned": Classic(gaussian, (0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)),
    }
)
"""Denoisers that are measured at their best strength, by their names on the command line."""


@dataclass(frozen=True)
class NonBlind:
    """A denoiser that is given the noise's sd in counts, and takes `depth` planes for one."""

    denoise: Callable[[Plane, float], Counts]
    depth: int = 1


NON_BLIND: Mapping[str, NonBlind] = MappingProxyType(
    {"bm3d": NonBlind(bm3d), "bm4d": NonBlind(bm4d, VOLUME)}
)
"""Denoisers that are given the noise, by their names on the command line and on PyPI."""

WITHOUT_NETWORK = frozenset({*BASELINES, *CLASSICS, *NON_BLIND})
"""Names of all methods that are no models."""


def find_non_blind(name: str) -> NonBlind:
    """Return a denoiser of `NON_BLIND`; raise CrispimError where its package isn't installed."""
    _package(name)
    return NON_BLIND[name]


def is_installed(name: str) -> bool:
    """Return whether the package of a denoiser of `NON_BLIND` can be imported."""
    try:
        _package(name)
    except CrispimError:
        return False
    return True


def _package(name: str) -> Any:
    """Import a package that is the user's own choice."""
    try:
        return import_module(name)
    except ImportError as error:
        raise CrispimError(
            f"The method {name!r} needs the package {name}, which is not installed. Its licence "
            "(Tampere University) is for non-commercial use only, so it doesn't come with this "
            f"program: if you may use it, run pip install {name}."
        ) from error


def _check_size(planes: Plane) -> None:
    """Refuse planes smaller than a block."""
    rows, columns = planes.shape[-2:]
    if min(rows, columns) < _SMALLEST_SIDE:
        raise CrispimError(
            f"BM3D and BM4D can't take planes of {columns} x {rows} px: give planes of at least "
            f"{_SMALLEST_SIDE} px on each side."
        )
