"""Planes in memory, behind the same words as planes on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import checked
from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.metadata import Metadata, of_plane

NAME = "the array"
"""What messages call an array, which has no path."""

_KINDS = "iuf"


def check_array(shape: tuple[int, ...], dtype: Any) -> None:
    """Raise CrispimError unless an array holds grey planes.

    Parameters
    ----------
    shape : tuple of int
        The array's.
    dtype : numpy dtype
        The array's.

    Raises
    ------
    CrispimError
        If it isn't (Y, X) or (Z, Y, X), is empty, or holds no real numbers.
    """
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


class ArraySource:
    """The planes of an array, see `crispim_ij.planes.Source`.

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
        self.dtype: np.dtype[Any] = np.dtype(array.dtype).newbyteorder("=")
        self.chunks = (1, rows, columns)
        self.files: tuple[Path, ...] = ()
        self.names = tuple(f"{k:04d}" for k in range(len(self)))
        self.metadata = Metadata(sizes=(len(self),))

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> ArraySource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        return self.read_region(index, slice(None), slice(None))

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`."""
        pixels = np.asarray(self._planes[index, rows, columns])
        return checked(pixels, pixels.shape, self.dtype, f"plane {index} of {NAME}")

    def plane_metadata(self, index: int) -> Metadata:
        """Return what is known of plane `index`: nothing."""
        return of_plane(self.metadata, index)

    def close(self) -> None:
        """Do nothing: an array stays open."""


class ArraySink:
    """Planes that stay in memory, see `crispim_ij.planes.Sink`.

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

    in_order = False

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        outputs: tuple[int, ...] = (),
        pixels: NDArray[Any] | None = None,
    ) -> None:
        self.pixels = np.empty((*outputs, *shape), dtype) if pixels is None else pixels
        self.path = Path(NAME)
        self.unit = (shape[1], shape[2])

    @property
    def kept(self) -> int:
        """How many units would outlive this process: none."""
        return 0

    def __enter__(self) -> ArraySink:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing: there is nothing to clean up."""

    def record(self, options: Mapping[str, Any]) -> None:
        """Do nothing: a journal is for what outlives this process."""

    def check(self) -> None:
        """Refuse nothing: an array can always be begun anew."""

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:  # noqa: ARG002
        """Whether a unit is finished already: never."""
        return False

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Take a plane; its values are rounded half to even and clipped for integer types."""
        rows, columns = (
            slice(start, start + side) for start, side in zip(at, pixels.shape[-2:], strict=True)
        )
        self.pixels[..., index, rows, columns] = to_dtype(pixels, self.pixels.dtype)
