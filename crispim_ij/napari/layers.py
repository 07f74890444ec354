"""Which pixels of a layer are denoised, and how the result is shown in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

# What a denoised layer has in common with the noisy one.
_KEPT = (
    "affine",
    "axis_labels",
    "blending",
    "colormap",
    "contrast_limits",
    "gamma",
    "interpolation2d",
    "interpolation3d",
    "metadata",
    "rotate",
    "scale",
    "shear",
    "translate",
    "units",
)

_KINDS = "iuf"


def check_layer(layer: Image) -> None:
    """Raise CrispimError unless a layer holds grey planes of real numbers."""
    if layer.rgb:
        raise CrispimError(
            f"Layer '{layer.name}' is in colour (RGB): right-click it, choose 'Split RGB', and "
            "denoise one of its channels."
        )
    if np.dtype(layer.dtype).kind not in _KINDS:
        raise CrispimError(
            f"Layer '{layer.name}' holds {np.dtype(layer.dtype)} values, which are no counts: "
            "open the image that the camera took."
        )


def pixels_of(layer: Image) -> Any:
    """Return a layer's pixels in full resolution: a Dask array of whatever isn't in memory."""
    pixels = layer.data[0] if layer.multiscale else layer.data
    if isinstance(pixels, np.ndarray):
        return pixels
    import dask.array as da

    return da.asarray(pixels)


def axes_of(layer: Image) -> list[str]:
    """Name a layer's axes before Y and X, such as 'z (16 planes)'."""
    shape = pixels_of(layer).shape[: layer.ndim - 2]
    return [f"{name} ({n} planes)" for name, n in zip(layer.axis_labels, shape, strict=False)]


def guess_slices(layer: Image) -> int | None:
    """Return the axis along Z: that named z, else the last before Y and X; None of one plane."""
    names = [str(name).lower() for name in layer.axis_labels[:-2]]
    if "z" in names:
        return names.index("z")
    return len(names) - 1 if names else None


def stacks_of(shape: Sequence[int], slices: int | None) -> Iterator[tuple[Any, ...]]:
    """Yield the index of each stack, (Z, Y, X), of an array, (..., Y, X), whose Z is `slices`."""
    counts = [1 if axis == slices else count for axis, count in enumerate(shape[:-2])]
    for place in np.ndindex(*counts):
        yield stack_around(place, slices)


def stack_around(place: Sequence[int], slices: int | None) -> tuple[Any, ...]:
    """Return the index of the stack, (Z, Y, X), that a plane lies in; Z is `slices`, if any."""
    if slices is None:
        return (*place, np.newaxis)
    return tuple(slice(None) if axis == slices else at for axis, at in enumerate(place))


def place_shown(viewer: ViewerModel, layer: Image) -> tuple[int, ...]:
    """Return the layer's pixel in the middle of the view; CrispimError if no plane is shown."""
    dims, shape = viewer.dims, pixels_of(layer).shape
    if set(dims.order[-2:]) != {dims.ndim - 2, dims.ndim - 1}:
        raise CrispimError(
            "A preview is of a plane along the last two axes, and others are shown: turn the "
            "axes back with the button 'Roll dimensions' below the layers."
        )
    # The camera belongs to the viewer itself before napari 0.9.
    camera = getattr(viewer, "scene", viewer).camera
    point = list(dims.point)
    for axis, middle in zip(dims.order[-2:], camera.center[-2:], strict=True):
        point[axis] = middle
    place = np.rint(layer.world_to_data(point)).astype(int)
    inside = np.clip(place, 0, np.array(shape) - 1)
    if (place != inside)[:-2].any():
        raise CrispimError(
            f"No plane of layer '{layer.name}' is shown: move the sliders below the picture to one."
        )
    return tuple(int(at) for at in inside)


def shown_like(layer: Image, corner: Sequence[int] = ()) -> dict[str, Any]:
    """Return the options of a layer that lies where another does, or begins at its `corner`."""
    _, state, _ = layer.as_layer_data_tuple()
    kept = {name: state[name] for name in _KEPT}
    if corner:
        # The affine comes after the translation.
        kept["translate"] = layer.affine.inverse(layer.data_to_world(corner))
    return kept


def in_layer(plane: NDArray[Any], layer: Image) -> NDArray[Any]:
    """Give a plane, (Y, X), as many axes as a layer has, so that it is seen where the plane is."""
    axes = tuple(range(layer.ndim - 2))
    return np.expand_dims(plane, axes)
