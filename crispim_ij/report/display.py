"""Which counts are shown black and white, and which part of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

Display = tuple[float, float] | None
"""Counts shown black and white, or None for what fits."""

PAPER_RANGE = (0.0, 500.0)
"""Counts that the paper's figures show black and white."""

_CROP = 256  # the paper's pictures show this many pixels
_BURNT = 0.05  # more of a plane beyond the range, and it hides too much
_FLAT = 0.25  # a plane that spans less of the range looks grey all over


def parse_display(text: str) -> Display:
    """Read ``auto``, ``paper`` (0 to 500 counts) or two numbers such as ``100:800``."""
    if text == "auto":
        return None
    if text == "paper":
        return PAPER_RANGE
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise CrispimError(
            f"The display range {text!r} (--display) is none of auto|paper|LOW:HIGH: write for "
            "example auto, paper or 100:800."
        )
    return low, high


def display_range(clean: NDArray[Any], display: Display) -> tuple[float, float]:
    """Return the counts that are shown black and white.

    Parameters
    ----------
    clean : ndarray, shape (Y, X)
        Counts.
    display : tuple of float or None
        A range, or None for the paper's where it fits: no more than 5 % of the pixels
        lie beyond it, and the plane spans at least a quarter of it. Elsewhere that is the
        plane's 0.1 and 99 percentiles with a tenth of their span on either side for noise.

    Returns
    -------
    tuple of float
        Lowest and highest count.
    """
    if display is not None:
        return display
    low, high = (float(value) for value in np.percentile(clean, (0.1, 99.0)))
    beyond = np.mean((clean < PAPER_RANGE[0]) | (clean > PAPER_RANGE[1]))
    if beyond <= _BURNT and high - low >= _FLAT * (PAPER_RANGE[1] - PAPER_RANGE[0]):
        return PAPER_RANGE
    margin = max(0.1 * (high - low), 0.5)
    return max(low - margin, min(low, 0.0)), high + margin


def best_place(
    clean: NDArray[Any], limits: tuple[float, float], side: int = _CROP
) -> tuple[slice, slice]:
    """Find the rows and columns of the square of a plane where most is to be seen.

    That is where counts vary most; those beyond `limits` are shown alike, so they count alike.
    The square is as long as the plane's shorter side where `side` px are longer.
    """
    from scipy.ndimage import uniform_filter

    shown = np.clip(clean, *limits).astype(np.float64)
    side = min(side, *shown.shape)
    # A window's mean stands at its middle; those that reach over the edge are left out.
    places = tuple(slice(side // 2, side // 2 + length - side + 1) for length in shown.shape)
    mean, square = (uniform_filter(values, side)[places] for values in (shown, shown**2))
    spread = square - mean**2
    row, column = (int(k) for k in np.unravel_index(spread.argmax(), spread.shape))
    return slice(row, row + side), slice(column, column + side)
