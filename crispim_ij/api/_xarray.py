"""xarray's arrays: planes with named axes, coordinates and attributes, which results keep."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    import xarray as xr

Restored = Callable[[Any], Any]

RESULTS = ("denoised", "expected error")
"""What lies along the first axis of a result with expected errors."""

_NO_Z = ("c", "channel", "channels", "t", "time", "frame", "frames")


def without_names(image: Any) -> tuple[Any, Restored]:
    """Return planes as (Y, X) or (Z, Y, X), and what gives a result the names of their axes.

    Axes called y and x are put last, whatever their order; axes of other names are taken as they
    stand. Whatever is no array of xarray is returned as it is, without importing xarray.
    """
    if not type(image).__module__.startswith("xarray."):
        return image, lambda result: result
    if not (hasattr(image, "coords") and hasattr(image, "dtype")):
        raise CrispimError(
            f"A {type(image).__name__} of xarray is no array with named axes: give a DataArray, "
            "such as dataset['name']."
        )
    dims = _in_order(image.dims)
    others = [dim for dim in dims[:-2] if str(dim).lower() in _NO_Z]
    if others:
        raise CrispimError(
            f"The array has an axis {others[0]!r}, and planes are taken one channel of one time "
            f"point at a time: give one, such as image.isel({others[0]}=0)."
        )
    planes = image.transpose(*dims)
    return planes.data, lambda result: _named(result, planes).transpose(..., *image.dims)


def _in_order(dims: tuple[Hashable, ...]) -> list[Hashable]:
    """Return axes with Y and X last, if they are called so."""
    by_name = {str(dim).lower(): dim for dim in dims}
    if not {"y", "x"} <= by_name.keys():
        return list(dims)
    last = [by_name["y"], by_name["x"]]
    return [*(dim for dim in dims if dim not in last), *last]


def _named(result: Any, image: xr.DataArray) -> xr.DataArray:
    """Give a result the axes, coordinates, attributes and name of the image."""
    import xarray as xr

    scaled = {
        dim: new
        for dim, old, new in zip(image.dims, image.shape, result.shape[-image.ndim :], strict=True)
        if old != new
    }
    coordinates = {
        name: one for name, one in image.coords.items() if not set(one.dims) & scaled.keys()
    }
    for dim, length in scaled.items():
        own = image.coords.get(dim)
        if own is not None and own.dtype.kind in "iuf":
            coordinates[dim] = (dim, _resampled(own.values, length), own.attrs)
    dims = image.dims
    if np.ndim(result) > image.ndim:
        dims = ("result", *dims)
        coordinates["result"] = list(RESULTS)
    return xr.DataArray(result, coordinates, dims, image.name, image.attrs)


def _resampled(places: NDArray[Any], length: int) -> NDArray[np.float64]:
    """Return where pixels lie of which there are more or fewer over the same length."""
    old = np.asarray(places, np.float64)
    at = (np.arange(length) + 0.5) * len(old) / length - 0.5
    inside = np.interp(at, np.arange(len(old)), old)
    if len(old) == 1:
        return inside
    before, beyond = np.minimum(at, 0), np.maximum(at - (len(old) - 1), 0)
    ends: NDArray[np.float64] = before * (old[1] - old[0]) + beyond * (old[-1] - old[-2])
    return inside + ends
