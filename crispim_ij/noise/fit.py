"""Noise against light: one value, or a line through its variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.light_levels import LightLevel

Floats = NDArray[np.float64]

_MODEL_ERROR = 0.03
"""Relative error of a level's variance that is no chance: light isn't exactly what was drawn."""

_STRUCTURE_ERROR = 0.2
"""The same where noise isn't white, so that structure may be in it."""

_CLEAR = 6.0
"""By how much a line must be the more likely, as a difference of squared errors."""

_GROWTH = 1.05
"""Growth of the standard deviation from dark to bright below which one value is as good."""

_FEWEST_WHITE = 0.3
_LEAST_FLOOR = 0.01
_FAR = 1.5
_TINY = 1e-6


@dataclass(frozen=True)
class Line:
    """Variance over light: slope, value at the offset, and how far levels lie from it.

    `gain` is in counts and `floor` in counts squared, both from 0 up; `residual` is the root mean
    square deviation of the levels, as a share of the line's variance.
    """

    gain: float
    floor: float
    residual: float


def fit_noise(levels: Sequence[LightLevel], offset: float) -> Line:
    """Fit a line, or one value (a gain of 0) where there is no clear evidence for a line.

    Evidence are first the levels whose noise is white. Where these tell of no growth, others
    may, but structure that is as fine as noise looks like noise there. Its contrast is what
    stays the same, so that its variance grows with the square of light, where that of a
    camera grows with light itself: where a parabola explains the levels better than a line,
    its floor is the noise.
    """
    white = [level for level in levels if level.is_white]
    if sum(level.share for level in white) < _FEWEST_WHITE * sum(x.share for x in levels):
        white = []
    constant, line, parabola = (_fit(levels, offset, power) for power in (0, 1, 2))
    best = parabola if parabola.badness < line.badness else line
    best = best if _is_clear(best, constant) else constant
    if white and _is_clear(_fit(white, offset, 1), _fit(white, offset, 0)):
        best = line
    gain = best.slope if best is line else 0.0
    # Nowhere is there no noise at all, though a curve that is too steep would have it.
    weakest = min(level.sd for level in levels) ** 2
    floor = max(best.floor, weakest if gain == 0 else _LEAST_FLOOR * weakest)
    return Line(gain, floor, _residual(levels, floor, gain, offset))


def _is_clear(curve: _Curve, simpler: _Curve) -> bool:
    """Tell whether there is clear evidence for a curve, and whether it says something else."""
    return curve.badness + _CLEAR < simpler.badness and curve.growth > _GROWTH**2


def _residual(levels: Sequence[LightLevel], floor: float, gain: float, offset: float) -> float:
    """Return the root mean square deviation from a line, as a share of its variance."""
    light = np.array([level.light for level in levels])
    variance = np.array([level.sd for level in levels]) ** 2
    model = np.maximum(floor + gain * (light - offset).clip(0), _TINY * np.median(variance))
    share = [level.share for level in levels]
    return float(np.sqrt(np.average((variance / model - 1) ** 2, weights=share)))


@dataclass(frozen=True)
class _Curve:
    """Variance as a floor and a power of light, both from 0 up.

    `growth` is the variance where it is brightest over that where it is darkest, `badness` the sum
    of squared errors, in units of what chance makes.
    """

    slope: float
    floor: float
    growth: float
    badness: float


def _fit(levels: Sequence[LightLevel], offset: float, power: int) -> _Curve:
    """Fit slope and floor to the logarithm of the variance, with Huber's loss."""
    from scipy.optimize import least_squares

    light = np.array([level.light - offset for level in levels]).clip(0)
    variance = np.array([level.sd for level in levels]) ** 2
    usual, span = float(np.median(variance)), float(light.max())
    rising = (light / span) ** power if power and span > 0 else np.zeros_like(light)
    error = _errors(levels)

    def off(values: Floats) -> Floats:
        model = rising * values[0] + values[1] + _TINY
        wrong: Floats = np.log(variance / usual / model) / error
        return wrong

    start = [0.5 if rising.any() else 0.0, 1.0]
    found = least_squares(off, start, bounds=(0, np.inf), loss="huber", f_scale=_FAR)
    slope, floor = (float(value) for value in found.x)
    ends = rising[[0, -1]] * slope + floor + _TINY
    return _Curve(
        slope=slope * usual / span**power if rising.any() else 0.0,
        floor=floor * usual,
        growth=float(ends[1] / ends[0]),
        badness=2 * float(found.cost),
    )


def _errors(levels: Sequence[LightLevel]) -> Floats:
    """Return by how much the logarithm of each level's variance may be off."""
    share = np.array([level.share for level in levels])
    by_chance = [2 * level.error for level in levels]
    by_model = [_MODEL_ERROR if level.is_white else _STRUCTURE_ERROR for level in levels]
    # What fits most of the pixels is worth more than what fits all levels badly.
    error: Floats = np.hypot(by_chance, by_model) * (share.mean() / share) ** 0.25
    return error
