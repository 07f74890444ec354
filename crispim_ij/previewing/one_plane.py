"""One plane, denoised before all are; how fast that is, and what all would take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.denoising.denoiser import check_size
from crispim_ij.machine import has_bfloat16
from crispim_ij.models import Model, find_model, list_models
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import (
    MEASURED,
    NO_NOISE,
    CameraNoise,
    Measurement,
    NoiseOptions,
    StackNoise,
    channels_of,
    measure_noise,
)
from crispim_ij.noise.risk import Risk, estimate_risk
from crispim_ij.noise.suitability import Fit, Neighbours, judge, suitable
from crispim_ij.planes import Source, free_space
from crispim_ij.planes.channels import channel_names
from crispim_ij.previewing.region import (
    Crop,
    Region,
    best_crop,
    check_plane,
    choose_part,
    display_limits,
    read_part,
)

REFERENCE = "crispim-2d"
"""The model that others are compared with."""

_FAST = "-fast"
_PATIENCE = 120
_TILE = 256

TOLERATED = 0.1
"""Deviation, as a share of the noise's sd, up to which a faster precision is advised."""
_GRID = 16


@dataclass(frozen=True)
class Looked:
    """What is known of a plane before anything is denoised.

    Attributes
    ----------
    name : str
        The plane's.
    index : int
        Its number, from 0.
    pixels : ndarray, shape (depth, Y, X)
        The part that was read, with the neighbours that the model needs.
    part : pair of slice
        Its rows and columns in the plane.
    crop : pair of slice
        Rows and columns within the part that are shown enlarged.
    limits : tuple of float
        Counts shown black and white.
    noise : Measurement
        That of the plane's channel, measured on the stack.
    told : CameraNoise
        What the model is told of it.
    fit : Fit
        Whether the model suits it.
    alternatives : tuple of str
        Other models that do.
    channel : str
        The name of its channel, or its number from 1.
    own_noise : CameraNoise
        What all of its noise is, as measured or as the user says; `NO_NOISE` where that isn't
        known.
    told_reference : CameraNoise
        What `REFERENCE` is told of it.
    doubt : str
        What the planes tell against the noise that the user gives, or nothing.
    """

    name: str
    index: int
    pixels: NDArray[Any]
    part: Region
    crop: Region
    limits: tuple[float, float]
    noise: Measurement
    told: CameraNoise
    fit: Fit
    alternatives: tuple[str, ...]
    channel: str = "1"
    own_noise: CameraNoise = NO_NOISE
    told_reference: CameraNoise = NO_NOISE
    doubt: str = ""

    @property
    def plane(self) -> NDArray[Any]:
        """The part of the plane itself, as it was read."""
        noisy: NDArray[Any] = self.pixels[len(self.pixels) // 2]
        return noisy

    @property
    def sd(self) -> float:
        """The noise at the median light, in counts; 0 where it couldn't be measured."""
        return self.noise.at(0.5)[0]


@dataclass(frozen=True)
class Trial:
    """One tile in one precision: megapixels a second, and RMS difference from float32 in counts."""

    precision: Precision
    rate: float
    deviation: float


@dataclass(frozen=True)
class Forecast:
    """What denoising all planes takes: seconds, bytes of the result, and bytes left on disk."""

    seconds: float
    size: int
    free: int


@dataclass(frozen=True)
class Faster:
    """A faster model, its seconds for all planes, and its RMS difference in counts on one tile."""

    name: str
    seconds: float
    deviation: float


@dataclass(frozen=True)
class Preview:
    """A plane and what the model made of it.

    Attributes
    ----------
    looked : Looked
        What was known before.
    denoised : ndarray of float32, shape (Y, X)
        The part, denoised.
    trials : tuple of Trial
        Speed in each precision that the processor has.
    forecast : Forecast
        What a whole run takes in the one to choose.
    faster : Faster or None
        A faster model, where the run is long enough for one to pay.
    risk : Risk or None
        The error that is left in what is shown enlarged, estimated; None where the noise isn't
        known.
    reference : Risk or None
        That of `REFERENCE`, where another model was asked for.
    """

    looked: Looked
    denoised: NDArray[np.float32]
    trials: tuple[Trial, ...]
    forecast: Forecast
    faster: Faster | None = None
    risk: Risk | None = None
    reference: Risk | None = None

    @property
    def advised(self) -> Trial:
        """The trial of the precision to choose."""
        return advised(self.trials, self.looked.sd)


def look(
    source: Source,
    model: Model,
    index: int | None,
    crop: Crop | None,
    options: NoiseOptions = MEASURED,
) -> Looked:
    """Read a plane and measure its noise.

    Parameters
    ----------
    source : Source
        Noisy planes.
    model : Model
        What they are to be denoised with.
    index : int or None
        The plane, from 0; None takes the middle one.
    crop : Crop or None
        What is shown enlarged; None takes where most is to be seen.
    options : NoiseOptions
        What the user says of the noise.

    Returns
    -------
    Looked
        The plane.

    Raises
    ------
    CrispimError
        If there is no such plane or crop, or it can't be read.
    """
    chosen = check_plane(source, index)
    part = choose_part((source.shape[1], source.shape[2]), crop)
    pixels = read_part(source, chosen, part, model.spec.depth)
    plane = pixels[len(pixels) // 2]
    limits = display_limits(source, chosen, plane)
    found = measure_noise(source)
    number = channels_of(source)[chosen]
    names = channel_names(source.metadata)
    stack = StackNoise.of(options, found, names, learnt=model.spec.learnt_grain)
    fine = StackNoise.of(options, found, names)
    noise = found[number]
    neighbours = Neighbours.of(source) if model.spec.depth > 1 else None
    fit = judge(noise, model.spec, neighbours)
    others: tuple[str, ...] = ()
    if not fit.fits:
        others = tuple(suitable(noise, list_models(), neighbours or Neighbours.of(source)))
    return Looked(
        name=source.names[chosen],
        index=chosen,
        pixels=pixels,
        part=part,
        crop=best_crop(plane, limits) if crop is None else _within(part, crop),
        limits=limits,
        noise=noise,
        told=stack.of_planes(source)[chosen],
        fit=fit,
        alternatives=others,
        channel=names[number] if names and names[number] else str(number + 1),
        own_noise=noise.all_of(replace(stack, strength=1.0).of_planes(source)[chosen]),
        told_reference=fine.of_planes(source)[chosen],
        doubt=noise.doubt(options.given) if options.given else "",
    )


def preview(
    source: Source,
    model: Model,
    looked: Looked,
    on_crop: Callable[[NDArray[np.float32]], None] = lambda _: None,
) -> Preview:
    """Denoise the crop, and then the plane; measure speed on the way, and foretell a whole run.

    `on_crop` is called with the denoised crop, as soon as it is there.
    """
    denoiser = Denoiser(model, DenoiseSettings()).told(looked.told)
    check_size((source.shape[1], source.shape[2]), model.spec)
    on_crop(_denoise_crop(denoiser, looked))
    risk = _risk(denoiser, looked)
    reference = None
    if risk is not None and model.folder.name != REFERENCE:
        other = Denoiser(find_model(REFERENCE), DenoiseSettings()).told(looked.told_reference)
        reference = _risk(other, looked)
    tile = looked.pixels[..., :_TILE, :_TILE]
    trials = try_precisions(model, denoiser, tile)
    denoised, seconds = timed(denoiser, looked.pixels)
    # Small tiles are slower than large ones, by as much in either precision.
    gain = trials[0].rate / advised(trials, looked.sd).rate
    expected = forecast(source, seconds / (denoised.size / 1e6) * gain)
    faster = _try_faster(model, denoiser, tile, expected.seconds)
    return Preview(looked, denoised, tuple(trials), expected, faster, risk, reference)


def _try_faster(
    model: Model, denoiser: Denoiser, tile: NDArray[Any], seconds: float
) -> Faster | None:
    """Compare a model, in a long run, with the one of its name that ends in '-fast', if any."""
    if seconds < _PATIENCE:
        return None
    name = f"{model.folder.name}{_FAST}"
    for sibling in list_models():
        if sibling.folder.name == name:
            other = Denoiser(sibling, denoiser.settings).told(denoiser.noise)
            timed(other, tile)  # is compiled at first
            (expected, slow), (result, fast) = (
                _best_of_two(each, tile) for each in (denoiser, other)
            )
            return Faster(name, seconds * fast / slow, _deviation(result, expected))
    return None


def _risk(denoiser: Denoiser, looked: Looked) -> Risk | None:
    """Estimate the error in the crop's surroundings, which is what the network is run on twice."""
    grain = looked.noise.grain
    if looked.own_noise.is_none or (looked.noise.is_correlated and grain is None):
        return None
    if denoiser.depth > 1 and looked.noise.is_shared_along_z:
        return None
    around = tuple(slice(max(0, side.start - _GRID), side.stop + _GRID) for side in looked.crop)
    planes = looked.pixels[:, around[0], around[1]]
    given = planes if denoiser.depth > 1 else planes[len(planes) // 2]
    origin = [part.start + side.start for part, side in zip(looked.part, around, strict=True)]
    rng = np.random.default_rng(0)
    return estimate_risk(given, denoiser, looked.own_noise, rng, grain=grain and grain.at(*origin))


def _denoise_crop(denoiser: Denoiser, looked: Looked) -> NDArray[np.float32]:
    """Denoise no more than the crop needs, to the pixels that it will have in the plane."""
    margin = denoiser.spec.halo + _GRID
    starts = [max(0, side.start - margin) // _GRID * _GRID for side in looked.crop]
    around = [
        slice(start, side.stop + margin) for start, side in zip(starts, looked.crop, strict=True)
    ]
    result, _ = timed(denoiser, looked.pixels[:, around[0], around[1]])
    rows, columns = (
        slice(side.start - start, side.stop - start)
        for start, side in zip(starts, looked.crop, strict=True)
    )
    return result[rows, columns]


def _within(part: Region, crop: Crop) -> Region:
    """Return a crop's rows and columns within the part that was read."""
    rows, columns = (
        slice(first - side.start, first - side.start + crop.size)
        for first, side in zip((crop.y, crop.x), part, strict=True)
    )
    return rows, columns


def timed(denoiser: Denoiser, pixels: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Denoise planes, (depth, Y, X), and measure how many seconds it takes."""
    started = time.perf_counter()
    result = denoiser(pixels if denoiser.depth > 1 else pixels[0])
    return result, time.perf_counter() - started


def try_precisions(model: Model, denoiser: Denoiser, tile: NDArray[Any]) -> list[Trial]:
    """Measure a tile in float32 and, where the processor has it, bfloat16.

    `denoiser` is the model in float32, which has run before.
    """
    pixels = tile.shape[-2] * tile.shape[-1] / 1e6
    expected, seconds = _best_of_two(denoiser, tile)
    trials = [Trial("float32", pixels / seconds, 0.0)]
    if has_bfloat16():
        other = Denoiser(model, DenoiseSettings("bfloat16")).told(denoiser.noise)
        timed(other, tile)  # is compiled at first
        result, seconds = _best_of_two(other, tile)
        trials.append(Trial("bfloat16", pixels / seconds, _deviation(result, expected)))
    return trials


def _deviation(result: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the root mean square difference of two results, in counts."""
    return float(np.sqrt(np.mean((result - expected) ** 2)))


def advised(trials: Sequence[Trial], sd: float) -> Trial:
    """Return the fastest trial that deviates little beside noise of a standard deviation."""
    near = [trial for trial in trials if trial.deviation <= TOLERATED * sd]
    return max(near or trials[:1], key=lambda trial: trial.rate)


def _best_of_two(denoiser: Denoiser, tile: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Measure twice, as other programs may be in the way."""
    (result, first), (_, second) = timed(denoiser, tile), timed(denoiser, tile)
    return result, min(first, second)


def forecast(source: Source, seconds_a_megapixel: float) -> Forecast:
    """Foretell a whole run."""
    pixels = float(np.prod(source.shape, dtype=float))
    return Forecast(
        seconds=pixels / 1e6 * seconds_a_megapixel,
        size=int(pixels * source.dtype.itemsize),
        free=free_space(Path.cwd()),
    )
