"""How strong the noise of planes is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise.calibrate import CalibrationSettings, calibrate
from crispim_ij.planes.arrays import ArraySource

_FEWEST = 8
"""Smallest side, in px, whose noise can be told by wavelets."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of the noise, in counts.

    Attributes
    ----------
    dark, typical, bright : float
        Where a plane is darkest, as bright as half of it, and brightest, the last
        hundredths of its blocks left out.
    is_correlated : bool or None
        Whether neighbouring pixels share noise; None where that can't be told.
    """

    dark: float
    typical: float
    bright: float
    is_correlated: bool | None


def measure_noise(planes: NDArray[Any]) -> Noise:
    """Measure the noise of planes.

    Parameters
    ----------
    planes : ndarray, shape (Z, Y, X)
        Raw counts, finite.

    Returns
    -------
    Noise
        As `crispim_ij.noise.calibrate` finds it at each brightness; where it can't, as
        for planes without structure or smaller than 32 px, one value by wavelets from
        `skimage.restoration.estimate_sigma`.
    """
    try:
        found = calibrate(ArraySource(planes), CalibrationSettings(len(planes)))
    except CrispimError:
        return _by_wavelets(planes)
    light = np.array([point.light for point in found.points])
    share = np.cumsum([point.blocks for point in found.points], dtype=float)
    levels = np.interp((0.01, 0.5, 0.99), share / share[-1], light)
    dark, typical, bright = (float(sd) for sd in np.sqrt(found.camera.variance(levels)))
    return Noise(dark, typical, bright, found.is_correlated)


def _by_wavelets(planes: NDArray[Any]) -> Noise:
    """Take noise to be equal everywhere."""
    from skimage.restoration import estimate_sigma

    middle = np.asarray(planes[len(planes) // 2], np.float64)
    # It divides by no details at all where there are none, and takes few columns for colours.
    is_empty = np.ptp(middle) == 0 or min(middle.shape) < _FEWEST
    sd = 0.0 if is_empty else float(estimate_sigma(middle))
    return Noise(sd, sd, sd, None)


def noise_in_words(noise: Noise) -> str:
    """Say how strong noise is.

    Parameters
    ----------
    noise : Noise
        Of planes.

    Returns
    -------
    str
        Part of a sentence.
    """
    if noise.typical == 0:
        return "none that could be measured"
    says = f"sd {noise.typical:.3g} counts"
    if noise.bright > 1.1 * noise.dark:
        says += f", from {noise.dark:.3g} where it is dark to {noise.bright:.3g} where bright"
    return says + (", shared by neighbouring pixels" if noise.is_correlated else "")
