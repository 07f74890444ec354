"""ImageJ's resizing: `ImageProcessor.resize`, and the size that `Scale...` chooses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.parity.downsize import downsize, downsize_part
from crispim_ij.parity.interpolate import sample, to_type
from crispim_ij.parity.types import Interpolation, Plane


def resize(
    plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
) -> Plane:
    """Resize a plane as ``Image > Adjust > Size...`` does.

    Every bit is that of ``ImageProcessor.resize`` of ImageJ 1.53q on a plane
    without a selection.

    Parameters
    ----------
    plane : ndarray, shape (Y, X), uint8, uint16 or float32
        The plane.
    width, height : int
        Target size in px.
    interpolation : Interpolation
        ImageJ's interpolation method.
    average : bool
        ImageJ's 'Average when downsizing'. Along an axis that grows it does nothing.

    Returns
    -------
    ndarray, shape (height, width), dtype of `plane`
        The resized plane.
    """
    shape = height, width
    rows, columns = plane.shape
    if not average or (width >= columns and height >= rows):
        return sample(plane, shape, interpolation)
    averaged = downsize(plane, shape, interpolation)
    return to_type(sample(averaged, shape, interpolation), plane.dtype)


def resize_part(
    read: Callable[[slice, slice], NDArray[Any]],
    source_shape: tuple[int, int],
    shape: tuple[int, int],
    part: tuple[slice, slice],
    interpolation: Interpolation,
) -> Plane:
    """Make a part of what `resize` with averaging makes of a plane, bit for bit.

    Parameters
    ----------
    read : callable
        From rows and columns to these pixels of the plane; finite.
    source_shape, shape : tuple of int
        Rows and columns of the whole plane before and after; no axis grows.
    part : pair of slice
        The rows and columns that are wanted, after.
    interpolation : Interpolation
        ImageJ's interpolation method.

    Returns
    -------
    ndarray
        The part, in the type of what is read.
    """
    if shape == source_shape:
        return read(*part)
    dtypes: list[np.dtype[Any]] = []

    def noted(rows: slice, columns: slice) -> NDArray[Any]:
        pixels = read(rows, columns)
        dtypes.append(pixels.dtype)
        return pixels

    averaged = downsize_part(noted, source_shape, shape, part, interpolation)
    return to_type(averaged, dtypes[0])


def scaled_size(shape: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int]:
    """Return the size to which ``Image > Scale...`` brings a plane.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    scale : tuple of float
        Factors of rows and columns: the dialog's Y Scale and X Scale.

    Returns
    -------
    tuple of int
        Rows and columns, each the product rounded half up.
    """
    rows, columns = (
        math.floor(side * factor + 0.5) for side, factor in zip(shape, scale, strict=True)
    )
    return rows, columns
