"""ImageJ's binning: `Image > Transform > Bin...`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity.types import Plane

_FLOAT_MAX = np.finfo(np.float32).max


class BinMethod(StrEnum):
    """ImageJ's ways to make one pixel of a bin."""

    AVERAGE = "average"
    MEDIAN = "median"
    MIN = "min"
    MAX = "max"
    SUM = "sum"


def bin_plane(plane: Plane, factors: tuple[int, int], method: BinMethod) -> Plane:
    """Bin a plane as ``Image > Transform > Bin...`` does.

    Every bit is that of ImageJ 1.53q's ``Binner``. Rows and columns that do not fill
    a bin are dropped. Its 'median' is not the middle value: of n values, all above
    0, it is the one of rank n // 2 + 2 from the largest down (the smallest of four),
    and 0 where there is none.

    Parameters
    ----------
    plane : ndarray, shape (Y, X), uint8, uint16 or float32
        The plane.
    factors : tuple of int
        Rows and columns of a bin.
    method : BinMethod
        What becomes of a bin. Sums stop at the largest value of 8-bit and 16-bit.

    Returns
    -------
    ndarray, shape (Y // factors[0], X // factors[1]), dtype of `plane`
        The binned plane.
    """
    rows, columns = plane.shape[0] // factors[0], plane.shape[1] // factors[1]
    whole = plane[: rows * factors[0], : columns * factors[1]].astype(np.float32)
    bins = whole.reshape(rows, factors[0], columns, factors[1]).swapaxes(1, 2)
    flat = bins.reshape(rows, columns, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        binned = _binned(flat, method)
    if plane.dtype.kind == "f":
        return binned
    top = np.float32(255 if plane.dtype == np.uint8 else 65535)
    pixels: NDArray[Any] = (np.minimum(binned, top) + np.float32(0.5)).astype(plane.dtype)
    return pixels


def _binned(bins: NDArray[np.float32], method: BinMethod) -> NDArray[np.float32]:
    """Make one value of each bin, along the last axis."""
    if method is BinMethod.MIN:
        finite = np.fmin(bins, _FLOAT_MAX)
        return _taken(finite, finite.argmin(axis=-1))
    if method is BinMethod.MAX:
        return _largest(bins)
    if method is BinMethod.MEDIAN:
        return _median(bins)
    # In order: NumPy's own sum adds pairwise and rounds otherwise.
    total = np.zeros(bins.shape[:-1], np.float32)
    for value in np.moveaxis(bins, -1, 0):
        total += value
    return total if method is BinMethod.SUM else total / np.float32(bins.shape[-1])


def _median(bins: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put 0 for the largest value n // 2 + 1 times, then take the largest that is left."""
    left = bins.copy()
    for _ in range(bins.shape[-1] // 2 + 1):
        positive = np.where(left > 0, left, np.float32(0))
        np.put_along_axis(left, positive.argmax(axis=-1)[..., None], np.float32(0), axis=-1)
    return _largest(left)


def _largest(bins: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the largest value, NaN aside, and none below the type's lowest."""
    finite = np.fmax(bins, -_FLOAT_MAX)
    return _taken(finite, finite.argmax(axis=-1))


def _taken(bins: NDArray[np.float32], places: NDArray[np.intp]) -> NDArray[np.float32]:
    """Take a value of each bin; of 0 and -0, which are equal, NumPy's `fmax` takes either."""
    return np.take_along_axis(bins, places[..., None], axis=-1)[..., 0]
