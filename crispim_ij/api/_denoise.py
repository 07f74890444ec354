"""Denoise planes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from crispim_ij.api._images import (
    AnyModel,
    AnyNoise,
    LazyOrNamed,
    Numbers,
    PathOrArray,
    as_model,
    check_choice,
    follow,
    is_dask,
    of_same_axes,
    opened_image,
    planes_of,
    read_noise,
    selection_of,
)
from crispim_ij.api._xarray import without_names
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.denoiser import check_options
from crispim_ij.denoising.lazy import denoise_lazily
from crispim_ij.errors import CrispimError
from crispim_ij.jobs import denoise_locally, plan_denoising_into
from crispim_ij.models import Model
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import CameraNoise, NoiseOptions, tell_noise
from crispim_ij.planes.arrays import ArraySink, ArraySource
from crispim_ij.planes.provenance import denoised_already

if TYPE_CHECKING:
    import dask.array as da

ResultType = Literal["same", "uint8", "uint16", "float32"]


@overload
def denoise(
    image: PathOrArray,
    model: AnyModel = ...,
    *,
    noise: AnyNoise = ...,
    strength: float = ...,
    precision: Precision = ...,
    tile: int = ...,
    dtype: ResultType = ...,
    uncertainty: bool = ...,
    channel: Numbers = ...,
    time: Numbers = ...,
    level: int = ...,
    series: int | None = ...,
    on_done: Callable[[float], None] | None = ...,
) -> NDArray[Any]: ...


@overload
def denoise(
    image: LazyOrNamed,
    model: AnyModel = ...,
    *,
    noise: AnyNoise = ...,
    strength: float = ...,
    precision: Precision = ...,
    tile: int = ...,
    dtype: ResultType = ...,
    uncertainty: bool = ...,
    on_done: Callable[[float], None] | None = ...,
) -> LazyOrNamed: ...


def denoise(
    image: Any,
    model: AnyModel = "crispim-2d",
    *,
    noise: AnyNoise = "auto",
    strength: float = 1.0,
    precision: Precision = "float32",
    tile: int = 1024,
    dtype: ResultType = "same",
    uncertainty: bool = False,
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    series: int | None = None,
    on_done: Callable[[float], None] | None = None,
) -> Any:
    """Denoise planes.

    Parameters
    ----------
    image : array of NumPy, Dask or xarray, shape (Y, X) or (Z, Y, X), or path
        Raw counts of an integer or floating type, finite. Axes of xarray that are called y and
        x are found by their names. Or a folder of TIFF or PNG planes, a
        TIFF stack or an OME-Zarr, all of whose planes must fit into memory.
    model : str, path or Model
        Name of a model, path of a model folder, or what `load_model` returned.
    noise : str, float or CameraNoise
        The noise, for models that are told it: 'auto' measures it on a few planes, also of a
        Dask array; or its standard deviation in counts, 'GAIN:OFFSET:READ_NOISE', or a camera.
    strength : float
        How much stronger the noise is taken to be, from 0.5 to 2: less than 1 leaves some in,
        more smooths.
    precision : {'float32', 'bfloat16'}
        Arithmetic of the convolutions; bfloat16 is faster on processors that have it, and
        less exact.
    tile : int
        Longest side, in px, that the network is given at once. Smaller tiles need less
        memory; the result is the same.
    dtype : {'same', 'uint8', 'uint16', 'float32'}
        Pixel type of the result; integers are rounded half to even and clipped.
    uncertainty : bool
        Whether the result also holds the error that is expected of each pixel, in counts.
        Takes four times as long. The model must have been calibrated.
    channel, time : int, str or None
        Of a file: channels and time points from 1, such as 2 or '1,3' or '1-10', and
        channels by the names that files give them, such as 'GFP'. None takes all.
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
        Of the shape of `image`, and of its type unless `dtype` says another; of a file
        (Z, Y, X), its planes in the order in which they are there. With `uncertainty`
        float32 with one more axis in front: denoised counts, then expected errors. Of a
        Dask array a Dask array, of the same pixels, in chunks of at most `tile` px along
        Y and X; nothing is denoised until it is computed. Of an array of xarray one with its
        axes, coordinates, attributes and name; with `uncertainty` the first axis is 'result'.

    Raises
    ------
    CrispimError
        If the image, the model or an option can't be used; the message says what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from crispim_ij.phantom import PhantomSettings, simulate_volume
    >>> clean = simulate_volume(PhantomSettings(shape=(2, 64, 96)))
    >>> noisy = clean + np.random.default_rng(0).normal(0, 30, clean.shape)
    >>> denoised = denoise(noisy, dtype="float32")
    >>> denoised.shape, denoised.dtype
    ((2, 64, 96), dtype('float32'))
    >>> bool(np.std(denoised - clean) < 0.5 * np.std(noisy - clean))
    True

    A Dask array is denoised when it is computed, and where it is computed:

    >>> import dask.array as da
    >>> lazy = denoise(da.from_array(noisy, chunks=(1, 64, 48)), tile=48, dtype="float32")
    >>> lazy.chunks
    ((1, 1), (32, 32), (48, 48))
    >>> bool(np.allclose(lazy[0, :32].compute(), denoised[0, :32], atol=1e-3))
    True
    """
    check_choice("precision", precision, get_args(Precision))
    check_choice("dtype", dtype, get_args(ResultType))
    if uncertainty and dtype not in ("same", "float32"):
        raise CrispimError(
            f"Expected errors can't be held in whole counts, so dtype={dtype!r} and uncertainty "
            "exclude each other: choose dtype='float32'."
        )
    found = as_model(model)
    settings = DenoiseSettings(precision, tile)
    told = NoiseOptions(read_noise(noise), strength)
    selection = selection_of(channel, time, level, series)
    wanted: ResultType = "float32" if uncertainty else dtype
    image, restored = without_names(image)
    if is_dask(image):
        planes = planes_of(image, selection)
        lazy = denoise_lazily(
            planes,
            found,
            settings,
            _type_of(wanted, planes.dtype),
            uncertain=uncertainty,
            noise=_noise_of(planes, found, told),
        )
        return restored(of_same_axes(lazy, image))
    with opened_image(image, selection) as source:
        outputs = (2,) if uncertainty else ()
        sink = ArraySink(source.shape, _type_of(wanted, source.dtype), outputs)
        job = plan_denoising_into(source, sink, found, settings, told, uncertain=uncertainty)
        for problem in (*denoised_already(source), *(job.noise.problems if job.noise else ())):
            warnings.warn(problem, UserWarning, stacklevel=2)
        follow(denoise_locally(job), on_done, "denoising", len(source))
    return restored(of_same_axes(sink.pixels, image))


def _noise_of(planes: da.Array, model: Model, told: NoiseOptions) -> CameraNoise | None:
    """Measure the noise of a Dask array for a model that is told it, and warn of what is amiss."""
    check_options(model.spec, told)
    if not model.spec.takes_noise:
        return None
    source = ArraySource(planes)
    noise = tell_noise(source, told, learnt=model.spec.learnt_grain)
    for problem in noise.problems:
        warnings.warn(problem, UserWarning, stacklevel=3)
    return noise.of_planes(source)[0]


def _type_of(name: ResultType, own: np.dtype[Any]) -> np.dtype[Any]:
    """Return the pixel type of a result."""
    return own if name == "same" else np.dtype(name)
