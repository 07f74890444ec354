"""Noise at each level of light, where there is least structure.

Light, noise and structure of small blocks are told apart by how fine they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 8
"""Side of a block, in px."""

FINE_WAVES = 9
"""Waves of a block that are fine along both axes: its highest spatial frequencies."""

LINE_WAVES = 3
"""Waves of a block that are fine along one axis and constant along the other."""

_FINE = slice(5, None)
_MIDDLE = slice(2, 5)
_COARSE = slice(None, 5)
_CONSTANT = slice(1)

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
class Blocks:
    """Statistics of blocks, each an array with one value a block.

    Noise of independent pixels has the same power in all bands, so each of the powers is the
    noise's variance where there is noise alone, and they are independent of each other.

    Attributes
    ----------
    light : ndarray
        Mean, in counts.
    coarse : ndarray
        Power of what is coarse along both axes, but for the mean: structure is seen here
        first. In counts squared, as the others.
    fine : ndarray
        Power of what is fine along both axes.
    down, right : ndarray
        Power of what is fine along one axis and less so along Y, or along X.
    rows, columns : ndarray
        Power of what is the same all along X, or all along Y, and fine across it.
    clipped : ndarray
        Share of the pixels that lie at a limit, from 0 to 1.
    """

    light: Floats
    coarse: Floats
    fine: Floats
    down: Floats
    right: Floats
    rows: Floats
    columns: Floats
    clipped: Floats

    def __len__(self) -> int:
        return len(self.light)

    def __getitem__(self, chosen: NDArray[Any]) -> Blocks:
        """Return the blocks of a mask or of indices."""
        return Blocks(*(getattr(self, field.name)[chosen] for field in fields(self)))


def measure_blocks(plane: NDArray[Any], step: int = SIDE, limits: tuple[float, ...] = ()) -> Blocks:
    """Measure the blocks of a plane by their discrete cosine transform, row by row.

    The plane holds finite counts and is at least 8 px on each side. Blocks of 8 x 8 px lie `step`
    px apart; pixels at the counts `limits` are clipped.
    """
    from scipy.fft import dctn

    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    blocks = windows[::step, ::step].reshape(-1, SIDE, SIDE)
    waves = dctn(blocks.astype(np.float64), axes=(1, 2), norm="ortho", overwrite_x=True)
    light = waves[:, 0, 0] / SIDE
    waves[:, 0, 0] = 0
    power = np.square(waves, out=waves)
    coarse = power[:, _COARSE, _COARSE]
    return Blocks(
        light=light,
        coarse=coarse.sum((1, 2)) / (coarse[0].size - 1),
        fine=power[:, _FINE, _FINE].mean((1, 2)),
        down=power[:, _MIDDLE, _FINE].mean((1, 2)),
        right=power[:, _FINE, _MIDDLE].mean((1, 2)),
        rows=power[:, _FINE, _CONSTANT].mean((1, 2)),
        columns=power[:, _CONSTANT, _FINE].mean((1, 2)),
        clipped=np.isin(blocks, limits).mean((1, 2)) if limits else np.zeros(len(blocks)),
    )


def join(parts: list[Blocks]) -> Blocks:
    """Put the blocks of several planes together."""
    return Blocks(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Blocks))
    )


def correlation(ratio: float) -> float:
    r"""Return the correlation of neighbours, from -0.5 to 0.5, whose noise has a ratio of powers.

    The ratio is that of `Blocks.down` or `Blocks.right` to `Blocks.fine`. It is exact where pixels
    two apart are independent: a wave :math:`b` of the block then has the power
    :math:`1 + 2 \rho \sum_i b_i b_{i+1}`.
    """
    middle, fine = _overlaps()
    below = middle - ratio * fine
    return float(np.clip((ratio - 1) / (2 * below), -0.5, 0.5)) if below > 0 else 0.5


@cache
def _overlaps() -> tuple[float, float]:
    """Return the mean product of a wave with itself one pixel on, of middle and fine waves."""
    from scipy.fft import idct

    waves = idct(np.eye(SIDE), axis=1, norm="ortho")
    products = (waves[:, 1:] * waves[:, :-1]).sum(1)
    return float(products[_MIDDLE].mean()), float(products[_FINE].mean())


@dataclass(frozen=True)
class LightLevel:
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
) -> list[LightLevel]:
    """Measure noise at each level of light, in order of light.

    Blocks are chosen by what is coarse in them, and noise is measured by what is fine: for
    noise of independent pixels the two have nothing to do with each other, so that choosing
    flat blocks doesn't make noise look smaller than it is.

    `differences` are the same blocks of what is left of planes without their neighbours along Z,
    over the root of 2. They tell the noise of levels where structure is in the planes
    themselves; not that of all, as planes that were interpolated share noise. `overlap` is how
    many blocks share each pixel. No level comes back where no block varies, or too many pixels
    are clipped.
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


def _level(blocks: Blocks, share: float, overlap: float) -> LightLevel | None:
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
    return LightLevel(
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
