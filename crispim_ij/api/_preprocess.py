"""Downsample planes and add noise to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, overload

from numpy.typing import NDArray

from crispim_ij.api._images import (
    LazyOrNamed,
    Numbers,
    PathOrArray,
    check_choice,
    follow,
    is_dask,
    of_same_axes,
    opened_image,
    pair,
    planes_of,
    selection_of,
)
from crispim_ij.api._xarray import without_names
from crispim_ij.jobs import plan_preprocessing_in_memory, preprocess_locally
from crispim_ij.jobs.local import THREADS
from crispim_ij.parity import Interpolation
from crispim_ij.preprocessing import PreprocessSettings
from crispim_ij.preprocessing.lazy import preprocess_lazily

InterpolationName = Literal["none", "bilinear", "bicubic"]


@overload
def preprocess(
    image: PathOrArray,
    *,
    factor: float = ...,
    interpolation: InterpolationName = ...,
    average: bool = ...,
    noise_sd: float | tuple[float, float] = ...,
    seed: int | None = ...,
    seed_stack: bool = ...,
    workers: int = ...,
    channel: Numbers = ...,
    time: Numbers = ...,
    level: int = ...,
    series: int | None = ...,
    on_done: Callable[[float], None] | None = ...,
) -> NDArray[Any]: ...


@overload
def preprocess(
    image: LazyOrNamed,
    *,
    factor: float = ...,
    interpolation: InterpolationName = ...,
    average: bool = ...,
    noise_sd: float | tuple[float, float] = ...,
    seed: int | None = ...,
    seed_stack: bool = ...,
    workers: int = ...,
    on_done: Callable[[float], None] | None = ...,
) -> LazyOrNamed: ...


def preprocess(
    image: Any,
    *,
    factor: float = 4.0,
    interpolation: InterpolationName = "bilinear",
    average: bool = True,
    noise_sd: float | tuple[float, float] = 30.0,
    seed: int | None = None,
    seed_stack: bool = False,
    workers: int = THREADS,
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    series: int | None = None,
    on_done: Callable[[float], None] | None = None,
) -> Any:
    """Downsample planes and add noise to them, with ImageJ's own pixels.

    Parameters
    ----------
    image : array of NumPy, Dask or xarray, shape (Y, X) or (Z, Y, X), or path
        Counts of uint8, uint16 or float32. Or a folder of TIFF or PNG planes, a TIFF stack or an
        OME-Zarr.
    factor : float
        Factor by which width and height shrink, each rounded to whole px.
    interpolation : {'none', 'bilinear', 'bicubic'}
        ImageJ's interpolation method.
    average : bool
        ImageJ's 'Average when downsizing'.
    noise_sd : float or tuple of float
        Standard deviation of the noise in counts of the downsampled planes, or a range
        from which each plane draws its own; 0 adds none.
    seed : int, optional
        Plane k, from 0, is seeded with ``seed + k``. Drawn at random where it is not
        given, and not told: give one to make the planes again.
    seed_stack : bool
        Seed once and let one stream run through all planes, as ImageJ does. Not for Dask
        arrays.
    workers : int
        Threads that compute, except for Dask arrays, which have their own. The pixels do
        not depend on their number.
    channel, time : int, str or None
        Of a file: channels and time points from 1, see `denoise`.
    level : int
        Of an OME-Zarr: its resolution, 0 for the full one.
    series : int, optional
        Of a TIFF that holds several images, such as stage positions: which one, from 1. None
        takes the first.
    on_done : callable, optional
        Called after each plane with 1.0. What it raises ends the work. Without it notebooks
        show a bar. Not for Dask arrays, which are computed later.

    Returns
    -------
    ndarray, dask.array.Array or xarray.DataArray
        Noisy planes of the axes and the type of `image`; of a file (Z, Y, X). Of a Dask
        array a Dask array, in chunks of whole planes; nothing is done until it is computed.
        Of an array of xarray one with its axes, attributes and name, and coordinates of its
        pixels, each of which covers several of the image's.

    Raises
    ------
    CrispimError
        If the image or an option is none that ImageJ could take.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.arange(48, dtype=np.uint16).reshape(6, 8) * 10
    >>> preprocess(plane, factor=2, noise_sd=0)
    array([[ 56,  75,  95, 114],
           [206, 225, 245, 264],
           [356, 375, 395, 414]], dtype=uint16)
    >>> noisy = preprocess(plane, factor=2, noise_sd=(5, 10), seed=7)
    >>> bool((noisy == preprocess(plane, factor=2, noise_sd=(5, 10), seed=7)).all())
    True
    """
    check_choice("interpolation", interpolation, get_args(InterpolationName))
    sd = pair(noise_sd)
    settings = PreprocessSettings(
        factor, Interpolation(interpolation), average, sd, seed, seed_stack
    )
    selection = selection_of(channel, time, level, series)
    image, restored = without_names(image)
    if is_dask(image):
        lazy = preprocess_lazily(planes_of(image, selection), settings)
        return restored(of_same_axes(lazy, image))
    with opened_image(image, selection) as source:
        job, sink = plan_preprocessing_in_memory(source, settings)
        follow(preprocess_locally(job, workers), on_done, "preprocessing", len(source))
    return restored(of_same_axes(sink.pixels, image))
