"""Where pixels of planes that were resized lie among those that were measured, by their noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from crispim_ij.noise.pairs import Pair, difference
from crispim_ij.noise.resizing import alike, beat, profile, trend
from crispim_ij.parity import Interpolation
from crispim_ij.parity.resize import cubic

Floats = NDArray[np.float64]

_KERNELS: dict[Interpolation, Callable[[Floats], Floats]] = {
    Interpolation.BILINEAR: lambda distance: np.maximum(0.0, 1 - np.abs(distance)),
    Interpolation.BICUBIC: cubic,
}
_REACH = 2  # px from which on the kernels are 0
_ORDERS = (1, 2)  # of the differences whose power is compared
_STARTS = np.arange(16) / 16
_SHIFTS = (-0.5, 0.0, 0.5)  # waves along a profile
_EDGE = 4  # px, of which some are copies of the last that were measured
_MISFIT = 0.15  # see `_misfit`


@dataclass(frozen=True)
class Sampling:
    """Where the pixels along an axis were interpolated among those that were measured.

    Attributes
    ----------
    interpolation : Interpolation
        How.
    step : float
        Their distance, in px that were measured.
    start : float
        Where the first of them lies.
    variance : float
        Mean variance of their noise, where that of the px that were measured is 1.
    """

    interpolation: Interpolation
    step: float
    start: float
    variance: float = 1.0

    def at(self, pixel: int) -> Sampling:
        """Return the same for pixels from one on."""
        return replace(self, start=self.start + self.step * pixel)

    def weights(self, count: int) -> Floats:
        """Return what of each px that was measured is in each of so many, at a mean variance of 1.

        Shape is (pixels, px that were measured).
        """
        places = self._places(count)
        measured = np.arange(np.floor(places[0]) - _REACH, places[-1] + _REACH + 1)
        weights: Floats = self._kernel(places[:, np.newaxis] - measured) / self.variance**0.5
        return weights

    def power(self, count: int, order: int) -> Floats:
        """Return the mean squares of differences of that order of so many pixels' noise."""
        around = sliding_window_view(self._places(count), order + 1)
        measured = np.floor(around[:, :1]) + np.arange(1 - _REACH, 2 * order + _REACH + 1)
        weights = self._kernel(around[:, :, np.newaxis] - measured[:, np.newaxis])
        power: Floats = (np.diff(weights, order, axis=1) ** 2).sum((1, 2))
        return power

    def _places(self, count: int) -> Floats:
        return self.start + self.step * np.arange(count, dtype=np.float64)

    def _kernel(self, distance: Floats) -> Floats:
        weight: Floats = _KERNELS[self.interpolation](distance)
        return weight


def find_sampling(
    pairs: Sequence[Pair], neighbours: tuple[float, float]
) -> tuple[Sampling, Sampling] | None:
    """Find how rows and columns were interpolated, or None where their noise tells of nothing such.

    `neighbours` is the correlation of noise that lies 1 px down, and right.
    """
    parts = alike(pairs)
    down, right = (beat(profile(parts, axis)) for axis in (0, 1))
    if down is None or right is None:
        return None
    seen = [_beats([_strength(parts, axis, order) for order in _ORDERS]) for axis in (0, 1)]
    fits = []
    for interpolation in _KERNELS:
        axes = [
            _fit(interpolation, frequency, beats)
            for frequency, beats in zip((down, right), seen, strict=True)
        ]
        fits.append((max(map(_unexplained, axes, seen)), axes))
    _, axes = min(fits, key=lambda fit: fit[0])
    if not max(map(_misfit, axes, seen, neighbours)) <= _MISFIT:  # which may be NaN
        return None
    row, column = parts[0].origin
    return axes[0].at(-_EDGE - row), axes[1].at(-_EDGE - column)


def _fit(interpolation: Interpolation, frequency: float, seen: Floats) -> Sampling:
    """Return the sampling that explains an axis best."""
    from scipy.optimize import fmin

    count = seen.shape[1] + max(_ORDERS)
    equal = (frequency, 1 - frequency, 1 + frequency)  # which beat alike
    steps = [step + shift / count for step in equal for shift in _SHIFTS]
    tried = [Sampling(interpolation, step, start) for step in steps for start in _STARTS]
    near = min(tried, key=lambda sampling: _unexplained(sampling, seen))

    def moved(change: Floats) -> Sampling:
        start = near.start + change[1] - change[0] / 2
        return replace(near, step=near.step + change[0] / count, start=start)

    def unexplained(change: Floats) -> float:
        return _unexplained(moved(change), seen)

    simplex = np.array([(0, 0), (0.1, 0), (0, 0.05)])
    best = moved(fmin(unexplained, simplex[0], initial_simplex=simplex, disp=False))
    return replace(best, variance=float(best.power(count, 0).mean()))


def _misfit(sampling: Sampling, seen: Floats, neighbours: float) -> float:
    """Return what a sampling doesn't explain, and how much more or less its neighbours share."""
    power = sampling.power(seen.shape[1] + 1, 1).mean()
    correlation = 1 - float(power) / sampling.variance / 2
    return _unexplained(sampling, seen) + abs(correlation - neighbours)


def _unexplained(sampling: Sampling, seen: Floats) -> float:
    """Return the share of the squares of beats that a sampling doesn't explain."""
    count = seen.shape[1] + max(_ORDERS)
    expected = _beats([np.sqrt(sampling.power(count, order)) for order in _ORDERS])
    return float(((seen - expected) ** 2).sum() / (seen**2).sum())


def _strength(pairs: Sequence[Pair], axis: int, order: int) -> Floats:
    """Return how strong differences of an order are along an axis, by their mean size."""
    fine = [np.diff(difference(pair), axis=1 - axis) for pair in pairs]
    sizes = [np.abs(np.diff(one, order, axis=axis)).mean(1 - axis) for one in fine]
    strength: Floats = np.mean(sizes, 0)[_EDGE:-_EDGE]
    return strength


def _beats(strengths: Sequence[Floats]) -> Floats:
    """Return how strong differences of each order are, beside what changes slowly of them all."""
    length = min(map(len, strengths))
    cut = np.stack([one[:length] for one in strengths])
    return cut / trend(cut.mean(0)) - 1
