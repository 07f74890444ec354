"""Denoise, preprocess and evaluate from Python.

Options have the names, the meaning and the defaults that they have on the command line.
Faults that you can mend raise `crispim_ij.errors.CrispimError` with a sentence that says how.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising import DenoiseSettings, denoise_stack
from crispim_ij.denoising.cached import cached_denoiser
from crispim_ij.denoising.lazy import denoise_lazily
from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import EvaluationSettings, Given, NoiseSettings
from crispim_ij.evaluation import evaluate as evaluate_planes
from crispim_ij.evaluation.measure import DEFAULT_METHODS, Evaluation, find_methods, measure
from crispim_ij.models import Model, find_model
from crispim_ij.networks.architectures import Precision
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import Selection, Source, open_source, parse_numbers
from crispim_ij.planes.arrays import ArraySink, ArraySource, check_array
from crispim_ij.preprocess import PreprocessSettings, target_size
from crispim_ij.preprocess import preprocess as preprocess_planes
from crispim_ij.preprocess.lazy import preprocess_lazily

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Evaluation", "Model", "denoise", "evaluate", "load_model", "preprocess"]

AnyPath: TypeAlias = "str | PathLike[str]"
PathOrArray: TypeAlias = "AnyPath | NDArray[Any]"
AnyModel: TypeAlias = "AnyPath | Model"
ResultType = Literal["same", "uint8", "uint16", "float32"]
InterpolationName = Literal["none", "bilinear", "bicubic"]
Numbers: TypeAlias = "int | str | None"


def load_model(name: AnyPath) -> Model:
    """Find a model and read its description.

    Parameters
    ----------
    name : str or path
        Name of a model that ships or of one of your own, or the path of a model folder.

    Returns
    -------
    Model
        Its ``spec`` says what is known of it, and ``network()`` builds it in Keras.
        `denoise` and `evaluate` take it in place of a name.

    Raises
    ------
    CrispimError
        If there is none of that name, or its description can't be read.

    Examples
    --------
    >>> model = load_model("crispim-2d")
    >>> model.spec.architecture, model.spec.parameters
    ('residual-2d', 332641)
    """
    return find_model(os.fspath(name))


@overload
def denoise(
    image: PathOrArray,
    model: AnyModel = ...,
    *,
    precision: Precision = ...,
    tile: int = ...,
    dtype: ResultType = ...,
    uncertainty: bool = ...,
    channel: Numbers = ...,
    time: Numbers = ...,
    level: int = ...,
    on_done: Callable[[float], None] | None = ...,
) -> NDArray[Any]: ...


@overload
def denoise(
    image: da.Array,
    model: AnyModel = ...,
    *,
    precision: Precision = ...,
    tile: int = ...,
    dtype: ResultType = ...,
    uncertainty: bool = ...,
) -> da.Array: ...


def denoise(
    image: Any,
    model: AnyModel = "crispim-2d",
    *,
    precision: Precision = "float32",
    tile: int = 1024,
    dtype: ResultType = "same",
    uncertainty: bool = False,
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    on_done: Callable[[float], None] | None = None,
) -> Any:
    """Denoise planes.

    Parameters
    ----------
    image : ndarray or dask.array.Array, shape (Y, X) or (Z, Y, X), or path
        Raw counts of an integer or floating type, finite. Or a folder of TIFF planes, a
        TIFF stack or an OME-Zarr, all of whose planes must fit into memory.
    model : str, path or Model
        Name of a model, path of a model folder, or what `load_model` returned.
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
        Of a file: channels and time points from 1, such as 2 or '1,3' or '1-10'. None
        takes all.
    level : int
        Of an OME-Zarr: its resolution, 0 for the full one.
    on_done : callable, optional
        Called after each plane with 1.0. What it raises ends the work.

    Returns
    -------
    ndarray or dask.array.Array
        Of the shape of `image`, and of its type unless `dtype` says another; of a file
        (Z, Y, X), its planes in the order in which they are there. With `uncertainty`
        float32 with one more axis in front: denoised counts, then expected errors. Of a
        Dask array a Dask array, of the same pixels, in chunks of at most `tile` px along
        Y and X; nothing is denoised until it is computed.

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
    _check_choice("precision", precision, get_args(Precision))
    _check_choice("dtype", dtype, get_args(ResultType))
    if uncertainty and dtype not in ("same", "float32"):
        raise CrispimError(
            f"Expected errors can't be held in whole counts, so dtype={dtype!r} and uncertainty "
            "exclude each other: choose dtype='float32'."
        )
    settings = DenoiseSettings(precision, tile)
    found = model if isinstance(model, Model) else load_model(model)
    wanted = "float32" if uncertainty else dtype
    selection = _selection(channel, time, level)
    if _is_dask(image):
        planes = _planes_of(image, selection)
        pixels = _type_of(wanted, planes.dtype)
        lazy = denoise_lazily(planes, found, settings, pixels, uncertain=uncertainty)
        return _of_same_axes(lazy, image)
    with _opened(image, selection) as source:
        denoiser = cached_denoiser(found, settings, uncertain=uncertainty)
        denoiser.grid(source.shape[1:])
        outputs = (2,) if uncertainty else ()
        sink = ArraySink(source.shape, _type_of(wanted, source.dtype), outputs)
        denoise_stack(source, sink, denoiser, on_done or _ignore, denoiser.depth)
    return _of_same_axes(sink.pixels, image)


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
    on_done: Callable[[float], None] | None = ...,
) -> NDArray[Any]: ...


@overload
def preprocess(
    image: da.Array,
    *,
    factor: float = ...,
    interpolation: InterpolationName = ...,
    average: bool = ...,
    noise_sd: float | tuple[float, float] = ...,
    seed: int | None = ...,
) -> da.Array: ...


def preprocess(
    image: Any,
    *,
    factor: float = 4.0,
    interpolation: InterpolationName = "bilinear",
    average: bool = True,
    noise_sd: float | tuple[float, float] = 30.0,
    seed: int | None = None,
    seed_stack: bool = False,
    workers: int = min(4, os.cpu_count() or 1),
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    on_done: Callable[[float], None] | None = None,
) -> Any:
    """Downsample planes and add noise to them, with ImageJ's own pixels.

    Parameters
    ----------
    image : ndarray or dask.array.Array, shape (Y, X) or (Z, Y, X), or path
        Counts of uint8, uint16 or float32. Or a folder of TIFF planes, a TIFF stack or an
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
    on_done : callable, optional
        Called after each plane with 1.0. What it raises ends the work.

    Returns
    -------
    ndarray or dask.array.Array
        Noisy planes of the axes and the type of `image`; of a file (Z, Y, X). Of a Dask
        array a Dask array, in chunks of whole planes; nothing is done until it is computed.

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
    _check_choice("interpolation", interpolation, get_args(InterpolationName))
    sd = _pair(noise_sd)
    settings = PreprocessSettings(
        factor, Interpolation(interpolation), average, sd, seed, seed_stack
    )
    selection = _selection(channel, time, level)
    if _is_dask(image):
        return _of_same_axes(preprocess_lazily(_planes_of(image, selection), settings), image)
    with _opened(image, selection) as source:
        size = target_size(source.shape[1:], factor)
        sink = ArraySink((len(source), *size), source.dtype)
        engine, done = NativeImageJ(), on_done or _ignore
        preprocess_planes(source, sink, None, settings, engine, workers, done)
    return _of_same_axes(sink.pixels, image)


def evaluate(
    clean: PathOrArray | da.Array,
    method: Sequence[AnyModel] | None = None,
    *,
    noise_sd: float | tuple[float, float] = (30.0, 40.0),
    planes: int = 20,
    seed: int = 0,
    noisy: PathOrArray | da.Array | None = None,
    result: Mapping[str, PathOrArray | da.Array] | None = None,
) -> Evaluation:
    """Measure denoisers on clean planes with noise added.

    Parameters
    ----------
    clean : ndarray or dask.array.Array, shape (Y, X) or (Z, Y, X), or path
        Clean planes, in counts: at least 7 px on each side.
    method : sequence of str, path or Model, optional
        What to measure: the paper's baselines ``noisy``, ``tv`` and ``cv2``; ``tv-tuned``,
        ``nlm-tuned``, ``wavelet-tuned`` and ``gaussian-tuned``, each at its best strength on
        a plane that is not measured; models. By default noisy, tv, cv2 and crispim-2d,
        or with `result` only noisy, and that only where `noisy` is given.
    noise_sd : float or tuple of float
        Standard deviation of the noise in counts, or a range from which each plane draws
        a whole number.
    planes : int
        How many planes to draw at random.
    seed : int
        Draws the planes and their noise.
    noisy : ndarray, dask.array.Array or path, optional
        Noisy planes, one for each clean one, to take in place of drawn noise.
    result : mapping of str to ndarray, dask.array.Array or path, optional
        Planes that were denoised already, one for each clean one, by the name under which
        they are measured.

    Returns
    -------
    Evaluation
        ``table`` for the screen, ``summary`` with each method's means, ``rows`` with each
        plane's figures, ``comparisons`` of each pair of methods and ``biases`` by
        brightness. The last four are sequences of dataclasses, of which
        ``pandas.DataFrame`` makes tables.

    Raises
    ------
    CrispimError
        If there is nothing to measure, or planes, methods or options can't be used.

    Examples
    --------
    >>> from crispim_ij.phantom import PhantomSettings, simulate_volume
    >>> clean = simulate_volume(PhantomSettings(shape=(2, 64, 96)))
    >>> evaluation = evaluate(clean, ["noisy", "tv", "crispim-2d"], noise_sd=30)
    >>> [mean.method for mean in sorted(evaluation.summary, key=lambda mean: mean.rmse)]
    ['crispim-2d', 'tv', 'noisy']
    """
    settings = EvaluationSettings(planes, NoiseSettings(_pair(noise_sd), seed))
    names = [str(m.folder) if isinstance(m, Model) else os.fspath(m) for m in method or ()]
    if not names:
        names = _default_methods(has_noisy=noisy is not None, has_results=bool(result))
    whole = Selection()
    with ExitStack() as opened:
        source = opened.enter_context(_opened(clean, whole))
        given = Given(
            None if noisy is None else opened.enter_context(_opened(noisy, whole)),
            {
                name: opened.enter_context(_opened(one, whole))
                for name, one in (result or {}).items()
            },
        )
        methods = find_methods(names, source, settings)
        evaluated = evaluate_planes(source, methods, settings, given)
        return measure(evaluated, min(planes, len(source)))


def _default_methods(*, has_noisy: bool, has_results: bool) -> list[str]:
    """Return what is measured where no method is named."""
    if not has_results:
        return list(DEFAULT_METHODS)
    return ["noisy"] if has_noisy else []


def _is_dask(image: Any) -> bool:
    """Whether an image is a Dask array, without importing Dask for others."""
    return bool(type(image).__module__.startswith("dask."))


def _opened(image: Any, selection: Selection) -> Source:
    """Open a path, or an array as if it were one."""
    if isinstance(image, (str, PathLike)):
        return open_source(os.fspath(image), selection)
    _refuse_selection(selection)
    is_array = all(hasattr(image, name) for name in ("shape", "ndim", "dtype"))
    return ArraySource(image if is_array else np.asarray(image))


def _planes_of(image: da.Array, selection: Selection) -> da.Array:
    """Return a Dask array as (Z, Y, X)."""
    _refuse_selection(selection)
    if any(side != side for side in image.shape):
        raise CrispimError(
            f"The Dask array has the shape {image.shape}, which is not known: call its "
            "compute_chunk_sizes() first."
        )
    check_array(image.shape, image.dtype)
    return image if image.ndim == 3 else image[np.newaxis]


def _of_same_axes(pixels: Any, image: Any) -> Any:
    """Return planes without Z where the image had none."""
    return pixels[..., 0, :, :] if np.ndim(image) == 2 else pixels


def _selection(channel: Numbers, time: Numbers, level: int) -> Selection:
    """Read the choice of planes."""
    channels, times = (
        None if numbers is None else parse_numbers(str(numbers), option)
        for numbers, option in ((channel, "channel"), (time, "time"))
    )
    return Selection(channels, times, level)


def _refuse_selection(selection: Selection) -> None:
    """Refuse a choice of planes where there is nothing to choose by."""
    if selection != Selection():
        raise CrispimError(
            "channel, time and level are for files, and an array doesn't say which planes they "
            "are: leave them out and give the planes that you mean, such as image[:, 1]."
        )


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a word that isn't one of those allowed."""
    if value not in allowed:
        raise CrispimError(f"{name}={value!r} is not known: choose one of {', '.join(allowed)}.")


def _type_of(name: ResultType | str, own: np.dtype[Any]) -> np.dtype[Any]:
    """Return the pixel type of a result."""
    return own if name == "same" else np.dtype(name)


def _pair(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a range, or one number as both."""
    low, high = value if isinstance(value, (tuple, list)) else (value, value)
    return float(low), float(high)


def _ignore(_: float) -> None:
    """Do nothing when a plane is done."""
