"""Noise at each level of light, found where there is least structure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.blocks import FINE_WAVES, LINE_WAVES, SIDE, Blocks, correlation

Floats = NDArray[np.float64]

GROUPS = 24
"""Levels of light at most, evenly spaced in its square root."""

FEWEST = 128
"""Blocks that a level must have."""

FLATTEST = 0.15
"""Share of the blocks of like light that are taken to be without structure."""

MOST_CLIPPED = 0.2
"""Share of clipped pixels up to which noise can be told from the others."""

_SMALLEST_SHARE = 0.005
_FEWEST_FLAT = 64
_STRUCTURE = 1.25
_EDGES = 1.75


@dataclass(frozen=True)
class Level:
    """Noise at one level of light.

    Attributes
    ----------
    light : float
        Mean of its blocks, in counts.
    sd : float
        Standard deviation of their noise, in counts.
    share : float
        Share of the pixels that are of this light, from 0 to 1.
    error : float
        Standard error of `sd`, as a share of it.
    is_white : bool
        Whether the noise is as strong in all bands; where not, neighbours share it or
        structure is in it.
    steepness : float
        By how much what is less fine is stronger than what is fine; 1 for white noise.
    down, right : float
        Correlation between the noise of pixels that are neighbours along Y and along X.
    rows, columns : float
        How much of the variance whole rows and whole columns share.
    """

    light: float
    sd: float
    share: float
    error: float
    is_white: bool
    steepness: float
    down: float
    right: float
    rows: float
    columns: float


def group_blocks(
    blocks: Blocks, differences: Blocks | None = None, overlap: float = 1.0
) -> list[Level]:
    """Measure noise at each level of light.

    Blocks are chosen by what is coarse in them, and noise is measured by what is fine: for
    noise of independent pixels the two have nothing to do with each other, so that choosing
    flat blocks doesn't make noise look smaller than it is.

    Parameters
    ----------
    blocks : Blocks
        Of all planes.
    differences : Blocks, optional
        The same blocks of what is left of planes without their neighbours along Z, over the
        root of 2. They tell the noise of levels where structure is in the planes
        themselves; not that of all, as planes that were interpolated share noise.
    overlap : float
        How many blocks share each pixel.

    Returns
    -------
    list of Level
        In order of light. Empty where no block varies, or too many pixels are clipped.
    """
    found = []
    for members in _groups(blocks):
        share = len(members) / len(blocks)
        level = _level(blocks[members], share, overlap)
        if level is not None and not level.is_white and differences is not None:
            other = _level(differences[members], share, overlap)
            level = other if other is not None and other.sd < level.sd else level
        if level is not None:
            found.append(level)
    return found


def varies(blocks: Blocks) -> NDArray[np.bool_]:
    """Return which blocks have pixels that differ, as those of filled margins don't."""
    return (blocks.coarse > 0) & (blocks.fine > 0)


def _groups(blocks: Blocks) -> list[NDArray[np.int64]]:
    """Return the numbers of the blocks of each level; small ones join the next brighter one."""
    numbers = np.flatnonzero(varies(blocks))
    if not len(numbers):
        return []
    light = blocks.light[numbers]
    low, high = np.quantile(light, (0.001, 0.999))
    place = np.sqrt((light - low).clip(0, high - low) / max(high - low, np.finfo(float).tiny))
    group = np.minimum((place * GROUPS).astype(int), GROUPS - 1)
    fewest = max(FEWEST, _SMALLEST_SHARE * len(numbers))
    found: list[NDArray[np.int64]] = []
    waiting = np.empty(0, np.int64)
    for k in range(GROUPS):
        waiting = np.concatenate([waiting, numbers[group == k]])
        if len(waiting) >= fewest:
            found.append(waiting)
            waiting = np.empty(0, np.int64)
    if not found:
        return [waiting]
    found[-1] = np.concatenate([found[-1], waiting])
    return found


def _level(blocks: Blocks, share: float, overlap: float) -> Level | None:
    """Measure a level; None where it is clipped, or nothing varies."""
    blocks = blocks[varies(blocks)]
    if not len(blocks):
        return None
    flat = blocks[_flattest(blocks.coarse)]
    variance = float(flat.fine.mean())
    kept = _kept_variance(float(flat.clipped.mean()))
    if kept is None:
        return None
    # Blocks that overlap tell less than as many that don't, unless few of them are chosen.
    count = max(1.0, len(flat) / min(overlap, len(blocks) / len(flat)))
    error = math.sqrt(2 / (FINE_WAVES * count))
    doubt = 2 * math.sqrt(2 / (LINE_WAVES * count))
    ratios = [float(band.mean()) / variance for band in (flat.down, flat.right)]
    lines = [float(band.mean()) / variance for band in (flat.rows, flat.columns)]
    return Level(
        light=float(flat.light.mean()),
        sd=math.sqrt(variance / kept),
        share=share,
        error=error / 2,
        is_white=max(ratios) < _STRUCTURE + 2.8 * error and max(lines) < _EDGES + doubt,
        steepness=min(ratios),
        down=correlation(ratios[0]),
        right=correlation(ratios[1]),
        rows=_shared(lines[0] - doubt),
        columns=_shared(lines[1] - doubt),
    )


def _flattest(coarse: Floats) -> NDArray[np.int64]:
    """Return the numbers of the blocks with the least structure."""
    count = min(len(coarse), max(_FEWEST_FLAT, round(FLATTEST * len(coarse))))
    return np.argpartition(coarse, count - 1)[:count]


def _shared(ratio: float) -> float:
    """Return the share of the variance that is common to a line of 8 px."""
    extra = max(0.0, ratio - 1) / SIDE
    return extra / (1 + extra)


def _kept_variance(share: float) -> float | None:
    """Return what is left of normal noise of variance 1 when a share of it is clipped.

    The variance of max(noise, limit) [1]_; None where too much is clipped to tell.

    References
    ----------
    .. [1] W. H. Greene, "Econometric Analysis", 7th edition, 2012, theorem 19.3 on the
       moments of the censored normal variable
    """
    from scipy.special import ndtri

    if share == 0:
        return 1.0
    if share > MOST_CLIPPED:
        return None
    limit = float(ndtri(share))
    density = math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi)
    mean = limit * share + density
    return limit**2 * share + (1 - share) + limit * density - mean**2
