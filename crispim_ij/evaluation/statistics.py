"""Whether one method is better than another, or only was on these planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from crispim_ij.evaluation.evaluate import Row

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Paired:
    """Two methods compared over the same planes.

    Attributes
    ----------
    method, other : str
        Their names.
    planes : int
        How many planes both were measured on.
    difference : float
        Mean PSNR of `method` minus that of `other`, in dB.
    low, high : float
        Its 95 % confidence interval, by bootstrap over planes; NaN with fewer than two
        planes or where all differ by the same.
    p : float
        Wilcoxon's signed-rank test, two-sided: how likely a difference as large is where
        there is none. NaN where no plane differs.
    """

    method: str
    other: str
    planes: int
    difference: float
    low: float
    high: float
    p: float


def compare_methods(rows: Sequence[Row], seed: int = 0) -> list[Paired]:
    """Compare every method's PSNR with every other's, plane by plane.

    Parameters
    ----------
    rows : sequence of Row
        Figures of planes; a pair is compared over planes that both have.
    seed : int
        Of the bootstrap.

    Returns
    -------
    list of Paired
        Each pair once, the better method first.
    """
    psnrs: dict[str, dict[str, float]] = {}
    for row in rows:
        psnrs.setdefault(row.method, {})[row.plane] = row.psnr
    pairs = [_paired(*pair, psnrs, seed) for pair in combinations(psnrs, 2)]
    return [
        _paired(pair.other, pair.method, psnrs, seed) if pair.difference < 0 else pair
        for pair in pairs
    ]


def _paired(method: str, other: str, psnrs: dict[str, dict[str, float]], seed: int) -> Paired:
    """Compare two methods over the planes that both have."""
    from scipy.stats import wilcoxon

    planes = [plane for plane in psnrs[method] if plane in psnrs[other]]
    with np.errstate(invalid="ignore"):
        gains = np.array([psnrs[method][plane] - psnrs[other][plane] for plane in planes])
    low = high = p = float("nan")
    if np.isfinite(gains).all() and gains.any():
        p = float(wilcoxon(gains).pvalue)
        if np.ptp(gains) > 0:
            drawn = np.random.default_rng(seed).choice(gains, (_RESAMPLES, gains.size))
            low, high = (float(end) for end in np.percentile(drawn.mean(1), (2.5, 97.5)))
    return Paired(method, other, len(planes), float(gains.mean()), low, high, p)
