"""Light, noise and structure in small blocks of planes, told apart by how fine they are."""

from __future__ import annotations

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
    """Measure the blocks of a plane by their discrete cosine transform.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Counts, finite; at least 8 px on each side.
    step : int
        Distance of blocks, in px: those of fewer than 8 overlap.
    limits : tuple of float
        Counts at which pixels are clipped.

    Returns
    -------
    Blocks
        Of 8 x 8 px, row by row.
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
    r"""Return the correlation of neighbours whose noise has a ratio of powers.

    Exact where pixels two apart are independent: a wave :math:`b` of the block then has the
    power :math:`1 + 2 \rho \sum_i b_i b_{i+1}`.

    Parameters
    ----------
    ratio : float
        `Blocks.down` or `Blocks.right` over `Blocks.fine`.

    Returns
    -------
    float
        From -0.5 to 0.5.
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
