"""ImageJ's resizing: `ImageProcessor.resize`, and the size that `Scale...` chooses."""

from __future__ import annotations

import math

from crispim_ij.parity.downsize import downsize
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
