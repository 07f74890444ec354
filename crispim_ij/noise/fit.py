"""Noise against light: groups of blocks, and a line through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.blocks import WHITE_NEIGHBOURS, Blocks, flattest, white_noise

Floats = NDArray[np.float64]

GROUPS = 32
"""Groups of like brightness, evenly spaced in the square root of light."""

FEWEST = 64
"""Blocks that a group must have."""

_MOST_CLIPPED = 0.01
_ROUNDS = 30
_HUBER = 1.345
_SMALLEST_VARIANCE = 1e-3
_STRONG_EVIDENCE = 6.0


@dataclass(frozen=True)
class Point:
    """Noise at one brightness.

    Attributes
    ----------
    light : float
        Mean counts of a group of blocks.
    variance : float
        Of their noise, in counts squared, structure left out.
    blocks : int
        How many blocks these are.
    down, right : float
        Correlation between the noise of neighbouring pixels.
    """

    light: float
    variance: float
    blocks: int
    down: float
    right: float


@dataclass(frozen=True)
class Line:
    """Variance over light.

    Attributes
    ----------
    gain : float
        Slope, in counts, from 0 up.
    floor : float
        Variance at the offset, in counts squared, from 0 up.
    residual : float
        Root mean square deviation of the points, as a share of the line's variance.
    badness : float
        Bayes' information criterion: the less the better the line explains the points.
    """

    gain: float
    floor: float
    residual: float
    badness: float


def group_blocks(blocks: Blocks, clipped: NDArray[np.bool_]) -> list[Point]:
    """Measure noise at each brightness.

    Parameters
    ----------
    blocks : Blocks
        Of all planes.
    clipped : ndarray of bool
        Which of them hold clipped pixels. They are left out; and where they are more than
        a hundredth of a group, so is the group, since the others are a biased choice.

    Returns
    -------
    list of Point
        In order of light. Groups of fewer than 64 blocks join the next brighter one.
    """
    low, high = np.quantile(blocks.light, (0.001, 0.999))
    if high <= low:
        return []
    place = np.sqrt((blocks.light - low).clip(0, high - low) / (high - low))
    group = np.minimum((place * GROUPS).astype(int), GROUPS - 1)
    points = []
    members = np.zeros(len(group), bool)
    for k in range(GROUPS):
        members |= group == k
        if members.sum() < FEWEST:
            continue
        kept = members & ~clipped
        if kept.sum() >= max(FEWEST, (1 - _MOST_CLIPPED) * members.sum()):
            points.append(_point(Blocks(*(column[kept] for column in blocks))))
        members[:] = False
    return points


def fit_line(points: list[Point], offset: float) -> Line:
    """Fit variance = gain * (light - offset) + floor, both from 0 up.

    Points weigh as many blocks as they have, over their own variance squared; those far from
    the line, as where bright structure leaves no flat blocks, weigh less (Huber).

    Parameters
    ----------
    points : list of Point
        At least two.
    offset : float
        Light without photo-electrons, in counts.

    Returns
    -------
    Line
        The best one.
    """
    light, _, _ = _columns(points)
    return _fit(points, np.stack([light - offset, np.ones_like(light)], 1))


def fit_constant(points: list[Point]) -> Line:
    """Fit a variance that is the same at all light, as `fit_line` does."""
    light, _, _ = _columns(points)
    return _fit(points, np.stack([np.zeros_like(light), np.ones_like(light)], 1))


def is_better(line: Line, constant: Line) -> bool:
    """Tell whether there is strong evidence that noise grows with light."""
    return line.gain > 0 and line.badness + _STRONG_EVIDENCE < constant.badness


def _fit(points: list[Point], terms: Floats) -> Line:
    """Fit both terms by non-negative least squares, weighted anew until it has settled."""
    from scipy.optimize import nnls

    light, variance, count = _columns(points)
    smallest = _SMALLEST_VARIANCE * float(np.median(variance))
    model = np.full_like(variance, np.median(variance))
    trust = np.ones_like(variance)
    for _ in range(_ROUNDS):
        weight = np.sqrt(count * trust) / model
        gain, floor = nnls(terms * weight[:, None], variance * weight)[0]
        model = np.maximum(terms @ np.array([gain, floor]), smallest)
        off = np.abs(variance / model - 1) * np.sqrt(count)
        usual = 1.4826 * float(np.median(off))
        trust = np.minimum(1, _HUBER * usual / np.maximum(off, 1e-12))
    share = count / count.sum()
    error = float(np.sum(share * trust * (variance / model - 1) ** 2))
    free = int(terms[:, 0].any()) + 1
    likelihood = len(light) * (np.log(error + 1e-12) + 2 * np.sum(share * np.log(model)))
    residual = float(np.sqrt(np.sum(share * (variance / model - 1) ** 2)))
    return Line(float(gain), float(floor), residual, float(likelihood + free * np.log(len(light))))


def _point(blocks: Blocks) -> Point:
    """Measure a group."""
    white = white_noise()
    variance, down, right = flattest(blocks)
    return Point(
        light=float(blocks.light.mean()),
        variance=variance / white.variance,
        blocks=len(blocks.light),
        down=_correlation(down - white.neighbours + WHITE_NEIGHBOURS),
        right=_correlation(right - white.neighbours + WHITE_NEIGHBOURS),
    )


def _correlation(differences: float) -> float:
    """Correlation between neighbours whose second differences correlate as given.

    Exact where pixels two apart are independent: with correlation c, second differences have
    the variance 6 - 8 c, and the covariance 7 c - 4 with those one pixel on.
    """
    return (6 * differences + 4) / (7 + 8 * differences)


def _columns(points: list[Point]) -> tuple[Floats, Floats, Floats]:
    """Return light, variance and number of blocks."""
    rows = [(point.light, point.variance, float(point.blocks)) for point in points]
    light, variance, count = np.array(rows).T
    return light, variance, count
