"""Light and noise in small blocks of planes that have structure too."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 8
"""Side of a block, in px."""

FLATTEST = 0.25
"""Share of the blocks of like brightness that is taken to be without structure."""

WHITE_NEIGHBOURS = -2 / 3
"""Correlation of second differences of white noise with those one pixel on."""


class Blocks(NamedTuple):
    """Statistics of blocks, each an array with one value a block.

    Attributes
    ----------
    light : ndarray
        Mean, in counts.
    variance : ndarray
        Mean square of the second differences, in counts squared: that of the pixels where
        there is white noise alone, more where there is structure.
    down, right : ndarray
        Mean product of a second difference with the one below it and to its right.
    lowest, highest : ndarray
        Smallest and largest pixel, in counts.
    """

    light: Floats
    variance: Floats
    down: Floats
    right: Floats
    lowest: Floats
    highest: Floats


def measure_blocks(plane: NDArray[Any]) -> Blocks:
    """Measure the blocks of a plane.

    Second differences along both axes [1]_ take away whatever is smooth over 3 x 3 px.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Raw counts, finite; at least 11 px on each side.

    Returns
    -------
    Blocks
        Of 8 x 8 px, row by row; what is left of the plane at its right and lower edge
        is not in them.

    References
    ----------
    .. [1] J. Immerkaer, "Fast noise variance estimation", Computer Vision and Image
       Understanding 64 (1996) 300-302, doi:10.1006/cviu.1996.0060
    """
    values = np.asarray(plane, np.float64)
    fine = _second_difference(_second_difference(values, 0), 1)
    inner = values[1:-2, 1:-2]
    here = fine[:-1, :-1]
    return Blocks(
        light=_tiled(inner).mean((1, 3)).ravel(),
        variance=_tiled(here**2).mean((1, 3)).ravel(),
        down=_tiled(here * fine[1:, :-1]).mean((1, 3)).ravel(),
        right=_tiled(here * fine[:-1, 1:]).mean((1, 3)).ravel(),
        lowest=_tiled(inner).min((1, 3)).ravel(),
        highest=_tiled(inner).max((1, 3)).ravel(),
    )


def join(parts: list[Blocks]) -> Blocks:
    """Put the blocks of several planes together."""
    return Blocks(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class White(NamedTuple):
    """What the flattest blocks of white noise of variance 1 look like.

    Attributes
    ----------
    variance : float
        The largest variance among them.
    neighbours : float
        Correlation of their second differences with those one pixel on.
    """

    variance: float
    neighbours: float


@cache
def white_noise() -> White:
    """Measure white noise: choosing flat blocks makes noise look smaller than it is."""
    blocks = measure_blocks(np.random.default_rng(0).standard_normal((2048, 2048)))
    variance, down, right = flattest(blocks)
    return White(variance, (down + right) / 2)


def flattest(blocks: Blocks) -> tuple[float, float, float]:
    """Look at the flattest of blocks that are equally bright.

    Parameters
    ----------
    blocks : Blocks
        At least one, with noise.

    Returns
    -------
    variance : float
        The largest among them.
    down, right : float
        Correlation of their second differences with those below and to the right.
    """
    variance = float(np.quantile(blocks.variance, FLATTEST))
    flat = blocks.variance <= variance
    total = blocks.variance[flat].sum()
    return variance, float(blocks.down[flat].sum() / total), float(blocks.right[flat].sum() / total)


def _second_difference(values: Floats, axis: int) -> Floats:
    """Second difference along an axis, scaled so that white noise keeps its variance."""
    moved = np.moveaxis(values, axis, 0)
    difference = (moved[:-2] - 2 * moved[1:-1] + moved[2:]) / np.sqrt(6)
    return np.moveaxis(difference, 0, axis)


def _tiled(values: Floats) -> Floats:
    """Return a view with blocks along axes 1 and 3."""
    rows, columns = (side // SIDE for side in values.shape)
    return values[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
