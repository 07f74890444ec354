"""Pixel types."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def to_dtype(plane: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return a plane in another pixel type.

    Parameters
    ----------
    plane : numpy.ndarray
        Any shape, integer or float; finite where `dtype` is an integer type.
    dtype : numpy dtype
        The type wanted.

    Returns
    -------
    numpy.ndarray
        For an integer type, ``clip(rint(plane), smallest, largest)``, where `rint`
        rounds half to even; for a float type, the values as they are.
    """
    wanted = np.dtype(dtype)
    if wanted.kind == "f" or np.can_cast(plane.dtype, wanted):
        return plane.astype(wanted, copy=False)
    limits = np.iinfo(wanted)
    if plane.dtype.kind == "f":
        # The limits of 16-bit types are not numbers of float16.
        wide = plane.astype(np.promote_types(plane.dtype, np.float32), copy=False)
        clipped: NDArray[Any] = np.clip(np.rint(wide), limits.min, limits.max)
        return clipped.astype(wanted)
    own = np.iinfo(plane.dtype)
    lowest, highest = max(limits.min, own.min), min(limits.max, own.max)
    within: NDArray[Any] = np.clip(plane, lowest, highest)
    return within.astype(wanted)
