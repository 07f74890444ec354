"""Whether planes were resized, by the noise: stronger in some rows, or shared along Z."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

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

ADAPT = (
    "give planes as the camera took them, not resized, or a model that is adapted to them "
    "(crispim-ij adapt)."
)
"""What helps where pixels share noise in a way that can be learnt."""

LEARNABLE = f"What is told of it is a mean, so results are worse: {ADAPT}"
"""What noise of planes leads to of which is known how they were resized."""

ALONG_Z = (
    "Neighbouring planes share noise, as where they were interpolated along Z, or show a camera's "
    "fixed pattern."
)
"""Said where it is so."""

CONSEQUENCE_ALONG_Z = (
    "3D models may take what planes share for structure, and their estimated errors are wrong: "
    "give planes as the microscope took them, without that pattern."
)
"""What that leads to."""

_SHARED = 0.3  # correlation
_ORDER = 4  # of differences: the higher, the less structure is among the finest detail
_FLATTEST = 0.25  # of the blocks
_SIDE = 8  # of a block, px
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
    parts = alike(pairs)
    found = (beat(profile(parts, axis)) for axis in (0, 1))
    return next((1 / frequency for frequency in found if frequency is not None), None)


def alike(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the parts that begin where the first does, so that their noise beats as it does.

    Margins that one of them is filled in are left out of all.
    """
    first = pairs[0]
    same = [
        pair
        for pair in pairs
        if (pair.origin, pair.plane.shape) == (first.origin, first.plane.shape)
    ]
    noises = [difference(pair) for pair in same]
    rows, columns = (_inside(noises, axis) for axis in (0, 1))
    return [pair.part(rows, columns) for pair in same]


def _inside(noises: Sequence[Floats], axis: int) -> slice:
    """Return the lines from the first to the last that are constant nowhere; all where few are."""
    varies = np.all([np.ptp(noise, axis=1 - axis) > 0 for noise in noises], axis=0)
    (lines,) = np.nonzero(varies)
    few = len(lines) < _SIDE
    return slice(0, len(varies)) if few else slice(int(lines[0]), int(lines[-1]) + 1)


def is_shared_along_z(pairs: Sequence[Pair]) -> bool:
    """Whether the noise of a plane is, in a good part, that of its neighbour.

    That is the correlation of both planes' finest detail, along Y and X at once, where they are
    flattest: of noise that is each plane's own it is 0, of planes halfway between two about 0.4.
    """
    found = [_shared_detail(pair.plane, pair.beside) for pair in pairs if pair.beside is not None]
    return bool(found) and float(np.median(found)) > _SHARED


def _shared_detail(plane: NDArray[Any], beside: NDArray[Any]) -> float:
    """Return the correlation of the finest detail of two planes where there is least of it."""
    one, other = (_in_blocks(_finest(np.asarray(part, np.float64))) for part in (plane, beside))
    power = (one**2).mean(1) + (other**2).mean(1)
    flattest = np.argsort(power)[np.count_nonzero(power == 0) :]
    flattest = flattest[: math.ceil(_FLATTEST * len(flattest))]
    scale = math.sqrt((one[flattest] ** 2).sum() * (other[flattest] ** 2).sum())
    return float((one[flattest] * other[flattest]).sum() / scale) if scale else 0.0


def _finest(plane: Floats) -> Floats:
    """Return what is finest along both axes, which optics hardly pass."""
    return np.diff(np.diff(plane, _ORDER, axis=0), _ORDER, axis=1)


def _in_blocks(plane: Floats) -> Floats:
    """Cut a plane into blocks, (blocks, px)."""
    rows, columns = (side // _SIDE for side in plane.shape)
    whole = plane[: rows * _SIDE, : columns * _SIDE].reshape(rows, _SIDE, columns, _SIDE)
    return whole.swapaxes(1, 2).reshape(rows * columns, _SIDE**2)


def in_words(period: float) -> str:
    """Say at which distance noise is as strong again."""
    return f"Noise is stronger again every {period:.2g} px, as in planes that were resized."


def profile(pairs: Sequence[Pair], axis: int) -> Floats:
    """Return the logarithm of the power of the finest noise along an axis."""
    logs = []
    for pair in pairs:
        power = np.diff(np.diff(difference(pair), axis=0), axis=1) ** 2
        power = np.minimum(power, _OUTLIER * power.mean())
        logs.append(np.log(power.mean(1 - axis) + np.finfo(np.float64).tiny))
    mean: Floats = np.mean(logs, 0)
    return mean


def trend(profile: Floats) -> Floats:
    """Return what of a profile changes slowly."""
    from scipy.ndimage import gaussian_filter1d

    smooth: Floats = gaussian_filter1d(profile, _SMOOTH)
    return smooth


def beat(profile: Floats) -> float | None:
    """Return the frequency of a profile's strongest wave, if it is strong."""
    window = np.hanning(len(profile))
    around = (profile - trend(profile)) * window / (window.sum() / 2)
    waves = np.abs(np.fft.rfft(around))
    frequencies = np.fft.rfftfreq(len(profile))
    short = frequencies > 1 / LONGEST
    strongest = int(np.argmax(waves * short))
    if waves[strongest] < max(_LEAST, _CLEAREST * float(np.median(waves[short]))):
        return None
    return float(frequencies[strongest])
