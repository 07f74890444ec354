"""Planes in memory, as a source and as a sink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.pixels import checked, to_dtype
from crispim_ij.planes.sink import Sink
from crispim_ij.planes.source import Source

NAME = "the array"
"""What messages call an array, which has no path."""

_KINDS = "iuf"


def check_array(shape: tuple[int, ...], dtype: Any) -> None:
    """Raise CrispimError unless an array is (Y, X) or (Z, Y, X), not empty, and of real numbers."""
    if len(shape) not in (2, 3):
        raise CrispimError(
            f"{NAME} has the shape {shape}, which is neither (Y, X) nor (Z, Y, X): "
            "give one channel of one time point, such as image[0]."
        )
    if 0 in shape:
        raise CrispimError(f"{NAME} has the shape {shape} and so no pixels: give one that has.")
    if np.dtype(dtype).kind not in _KINDS:
        raise CrispimError(
            f"{NAME} holds {np.dtype(dtype)} values, which are no counts: convert it with "
            "astype to an integer or floating type."
        )


class ArraySource(Source):
    """The planes of an array.

    Parameters
    ----------
    array : array of integers or floats, shape (Y, X) or (Z, Y, X)
        A NumPy array, or what gives one plane as NumPy's when it is indexed, such as an
        array of Dask or Zarr.

    Raises
    ------
    CrispimError
        If the array is of another shape or type.
    """

    def __init__(self, array: Any) -> None:
        check_array(array.shape, array.dtype)
        self._planes = array if array.ndim == 3 else np.asarray(array)[np.newaxis]
        self.path = Path(NAME)
        planes, rows, columns = (int(side) for side in self._planes.shape)
        self.shape = (planes, rows, columns)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.chunks = (1, rows, columns)
        self.names = tuple(f"{k:04d}" for k in range(planes))
        self.metadata = Metadata(sizes=(planes,))

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`."""
        pixels = np.asarray(self._planes[index, rows, columns])
        return checked(pixels, pixels.shape, self.dtype, f"plane {index} of {NAME}")


class ArraySink(Sink):
    """Planes that stay in memory.

    Parameters
    ----------
    shape : tuple of int
        Planes, rows and columns.
    dtype : numpy dtype
        Of the pixels.
    outputs : tuple of int
        Axes before Y and X of what is written.
    pixels : ndarray, shape (*outputs, Z, Y, X), optional
        Where to write; by default a new array.

    Attributes
    ----------
    pixels : ndarray, shape (*outputs, Z, Y, X)
        What was written.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        outputs: tuple[int, ...] = (),
        pixels: NDArray[Any] | None = None,
    ) -> None:
        self.pixels = np.empty((*outputs, *shape), dtype) if pixels is None else pixels
        self.path = Path(NAME)
        self.write_shape = (shape[1], shape[2])

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Take a plane; its values are rounded half to even and clipped for integer types."""
        rows, columns = (
            slice(start, start + side) for start, side in zip(at, pixels.shape[-2:], strict=True)
        )
        self.pixels[..., index, rows, columns] = to_dtype(pixels, self.pixels.dtype)
