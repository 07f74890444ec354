"""What the functions take: arrays, Dask arrays, paths and models, read in one way."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from crispim_ij.api._progress import notebook_bar
from crispim_ij.api._xarray import without_names
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.noise import CameraNoise, parse_noise
from crispim_ij.planes import (
    Selection,
    Source,
    find_tree,
    open_source,
    parse_channels,
    parse_numbers,
)
from crispim_ij.planes.arrays import ArraySource, check_array

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

AnyPath: TypeAlias = "str | PathLike[str]"
PathOrArray: TypeAlias = "AnyPath | NDArray[Any]"
AnyImage: TypeAlias = "PathOrArray | da.Array | xr.DataArray"
Numbers: TypeAlias = "int | str | None"
AnyModel: TypeAlias = "AnyPath | Model"
AnyNoise: TypeAlias = str | float | CameraNoise

LazyOrNamed = TypeVar("LazyOrNamed", "da.Array", "xr.DataArray")
"""An array of another library than NumPy's: the result is one of the same."""


def is_dask(image: Any) -> bool:
    """Whether an image is a Dask array, without importing Dask for others."""
    return bool(type(image).__module__.startswith("dask."))


def opened_image(image: Any, selection: Selection) -> Source:
    """Open a path, warning of what must be known of it, or an array as if it were one."""
    image, _ = without_names(image)
    if isinstance(image, (str, PathLike)):
        _refuse_tree(Path(image), selection)
        source = open_source(os.fspath(image), selection)
        for note in source.notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        return source
    _refuse_selection(selection)
    is_array = all(hasattr(image, name) for name in ("shape", "ndim", "dtype"))
    return ArraySource(image if is_array else np.asarray(image))


def as_model(model: AnyModel) -> Model:
    """Return a model, or the one of that name or in that folder."""
    return model if isinstance(model, Model) else find_model(os.fspath(model))


def name_of(model: AnyModel) -> str:
    """Return what a model is called, or where it is."""
    return str(model.folder) if isinstance(model, Model) else os.fspath(model)


def planes_of(image: da.Array, selection: Selection) -> da.Array:
    """Return a Dask array as (Z, Y, X)."""
    _refuse_selection(selection)
    if any(side != side for side in image.shape):
        raise CrispimError(
            f"The Dask array has the shape {image.shape}, which is not known: call its "
            "compute_chunk_sizes() first."
        )
    check_array(image.shape, image.dtype)
    return image if image.ndim == 3 else image[np.newaxis]


def of_same_axes(pixels: Any, image: Any) -> Any:
    """Return planes without Z where the image had none."""
    return pixels[..., 0, :, :] if np.ndim(image) == 2 else pixels


def selection_of(
    channel: Numbers, time: Numbers, level: int, series: int | None = None
) -> Selection:
    """Read the choice of planes."""
    return Selection(
        None if channel is None else parse_channels(str(channel), "channel"),
        None if time is None else parse_numbers(str(time), "time"),
        level,
        series,
    )


def _refuse_tree(path: Path, selection: Selection) -> None:
    """Refuse several stacks; a series that is asked for is of a set, which is one."""
    tree = None if selection.series else find_tree(path)
    if tree is not None:
        raise CrispimError(
            f"'{path}' is a tree of {len(tree.stacks)} stacks: give one of them, such as "
            f"'{path / tree.stacks[0]}', or the tree to the command `crispim-ij denoise` or "
            "`crispim-ij preprocess`."
        )


def _refuse_selection(selection: Selection) -> None:
    """Refuse a choice of planes where there is nothing to choose by."""
    if selection != Selection():
        raise CrispimError(
            "channel, time, level and series are for files, and an array doesn't say which planes "
            "they are: leave them out and give the planes that you mean, such as image[:, 1]."
        )


def read_noise(noise: AnyNoise) -> CameraNoise | None:
    """Return the noise that is told, None where it is to be measured."""
    return noise if isinstance(noise, CameraNoise) else parse_noise(str(noise))


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that isn't one of those allowed."""
    if value not in allowed:
        raise CrispimError(f"{name}={value!r} is not known: choose one of {', '.join(allowed)}.")


def pair(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a range, or one number as both."""
    low, high = value if isinstance(value, (tuple, list)) else (value, value)
    return float(low), float(high)


def follow(
    steps: Generator[float, None, None],
    on_done: Callable[[float], None] | None,
    what: str,
    planes: int,
) -> None:
    """Do a job to its end, see `crispim_ij.jobs.denoise_locally`, and tell of each plane."""
    done = 0.0
    with closing(steps), notebook_bar(what, planes, "planes", hidden=on_done is not None) as bar:
        for share in steps:
            done += share
            bar(done, "")
            if share and on_done is not None:
                on_done(share)
