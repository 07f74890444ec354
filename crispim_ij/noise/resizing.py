"""Whether planes were resized, by the noise, which is then stronger in some rows than in others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.pairs import Pair, difference

Floats = NDArray[np.float64]

LONGEST = 12.0
"""Period, in px, up to which it is looked for: longer ones are structure, too."""

CONSEQUENCE = (
    "What is told of it is a mean, so results are worse and estimated errors may be far off: give "
    "planes as the camera took them, not resized."
)
"""What such noise leads to."""

_LEAST = 0.05  # amplitude of the logarithm of the variance
_CLEAREST = 12.0  # times the median of all waves
_OUTLIER = 4.0  # times the mean: structure that neighbouring planes don't share
_SMOOTH = 8.0  # px


def period_of(pairs: Sequence[Pair]) -> float | None:
    """Return at which distance, in px, noise is as strong again, or None where it is everywhere.

    Interpolated pixels are means: the nearer to the middle between two that were measured, the
    less noise they have. So the variance beats along the axes, after Gallagher, "Detection of
    linear and cubic interpolation in JPEG compressed images", CRV 2005, doi:10.1109/CRV.2005.33.
    """
    profiles = zip(*(_profiles(pair) for pair in pairs), strict=True)
    found = (_beat(np.mean(along, 0)) for along in profiles)
    return next((period for period in found if period is not None), None)


def in_words(period: float) -> str:
    """Say at which distance noise is as strong again."""
    return f"Noise is stronger again every {period:.2g} px, as in planes that were resized."


def _profiles(pair: Pair) -> list[Floats]:
    """Return the logarithm of the finest noise's power along Y, and along X."""
    power = np.diff(np.diff(difference(pair), axis=0), axis=1) ** 2
    power = np.minimum(power, _OUTLIER * power.mean())
    return [np.log(power.mean(across) + np.finfo(np.float64).tiny) for across in (1, 0)]


def _beat(profile: Floats) -> float | None:
    """Return the period of a profile's strongest wave, if it is strong."""
    from scipy.ndimage import gaussian_filter1d

    window = np.hanning(len(profile))
    around = profile - gaussian_filter1d(profile, _SMOOTH)
    waves = np.abs(np.fft.rfft(around * window)) / (window.sum() / 2)
    frequencies = np.fft.rfftfreq(len(profile))
    short = frequencies > 1 / LONGEST
    strongest = int(np.argmax(waves * short))
    if waves[strongest] < max(_LEAST, _CLEAREST * float(np.median(waves[short]))):
        return None
    return float(1 / frequencies[strongest])
