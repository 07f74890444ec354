"""Smooth random fields in space, one plane at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.phantom.settings import PhantomSettings

# The sd of white noise of sd 1 seen through the spline's weights on three axes.
_SD = 0.33


class Field:
    """A smooth random field of mean 0 and sd near 1: a cubic B-spline over white noise.

    Each layer of knots is drawn from a seed of its own, so any plane can be made alone and
    the whole field is never held.

    Parameters
    ----------
    settings : PhantomSettings
        Seed, size and sampling of the volume.
    number : int
        Tells the fields of a volume apart.
    size : float
        Distance between knots in Y and X, in micrometres.
    depth : float
        Distance between knots along Z, in micrometres.
    """

    def __init__(self, settings: PhantomSettings, number: int, size: float, depth: float) -> None:
        _, rows, columns = settings.shape
        self._seed = (settings.seed, number)
        self._depth = depth
        self._y = _spline_matrix(rows, settings.pixel_size / size)
        self._x = _spline_matrix(columns, settings.pixel_size / size)

    def plane(self, z: float) -> NDArray[np.float32]:
        """Return the field on the (Y, X) pixels at height `z` micrometres."""
        layer, rest = divmod(z / self._depth, 1)
        knots = np.zeros((self._y.shape[1], self._x.shape[1]), np.float32)
        for k, weight in enumerate(_spline_weights(np.array([rest]))[0]):
            rng = np.random.default_rng((*self._seed, int(layer) + k))
            knots += np.float32(weight / _SD) * rng.standard_normal(knots.shape, np.float32)
        field: NDArray[np.float32] = (self._x @ (self._y @ knots).T).T
        return field


def _spline_weights(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the four weights of the uniform cubic B-spline at t in [0, 1)."""
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return np.stack(weights, axis=-1) / 6


def _spline_matrix(pixels: int, knots_per_pixel: float) -> Any:
    """Return the sparse matrix that takes values at knots to values at pixels."""
    from scipy.sparse import csr_array

    knot, t = np.divmod(np.arange(pixels) * knots_per_pixel, 1)
    columns = knot[:, None].astype(int) + np.arange(4)
    rows = np.repeat(np.arange(pixels), 4)
    weights = _spline_weights(t).astype(np.float32)
    return csr_array((weights.ravel(), (rows, columns.ravel())))
