"""The paper's baselines, with the parameters that it published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Denoise = Callable[[NDArray[Any]], NDArray[Any]]


def noisy(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the plane itself: what doing nothing scores.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Raw counts.

    Returns
    -------
    ndarray
        The same.
    """
    return plane


def tv(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Total variation by split Bregman with weight 0.1, on the raw counts.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Raw counts.

    Returns
    -------
    ndarray of float64, shape (Y, X)
        Counts.
    """
    from skimage.restoration import denoise_tv_bregman

    # In floating point: scikit-image would scale integers to 0..1.
    result: NDArray[np.float64] = denoise_tv_bregman(np.asarray(plane, np.float64), weight=0.1)
    return result


def cv2_means(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Non-local means of OpenCV on what its `convertScaleAbs` makes of the plane.

    The conversion saturates at 255 counts, it doesn't rescale: that is why the paper's
    row is so poor. It is kept as published.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Raw counts.

    Returns
    -------
    ndarray of uint8, shape (Y, X)
        Counts up to 255.
    """
    import cv2

    saturated = cv2.convertScaleAbs(np.asarray(plane, np.float64))
    result: NDArray[np.uint8] = cv2.fastNlMeansDenoising(
        saturated, None, h=10, templateWindowSize=7, searchWindowSize=21
    )
    return result


BASELINES: Mapping[str, Denoise] = MappingProxyType({"noisy": noisy, "tv": tv, "cv2": cv2_means})
"""Baselines by the names that the command line has for them."""
