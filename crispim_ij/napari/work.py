"""What is done beside the window: steps that can be counted and stopped."""

from __future__ import annotations

import math
import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.filesize import decimal

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.denoiser import check_options, check_size
from crispim_ij.errors import CrispimError
from crispim_ij.jobs import denoise_locally, plan_denoising_into
from crispim_ij.models import Model
from crispim_ij.napari.layers import stack_around, stacks_of
from crispim_ij.napari.process import Adaptation, AdaptStep, DenoiserProcess
from crispim_ij.noise import MEASURED, NoiseOptions
from crispim_ij.noise.suitability import misfits
from crispim_ij.planes import to_dtype
from crispim_ij.planes.arrays import ArraySink, ArraySource
from crispim_ij.previewing import Crop, Looked, look
from crispim_ij.training import Adapted, AdaptSettings, check_adaptable

Step = TypeVar("Step")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LayerRequest:
    """What of a layer is to be denoised, and by what.

    Attributes
    ----------
    pixels : array, shape (..., Y, X)
        Counts, of NumPy or Dask.
    slices : int or None
        Axis along which planes lie above one another; None where none do.
    model : Model
        The model.
    settings : DenoiseSettings
        How it is run.
    noise : NoiseOptions
        What the user says of the noise.
    """

    pixels: Any
    slices: int | None
    model: Model
    settings: DenoiseSettings
    noise: NoiseOptions = MEASURED

    @property
    def planes(self) -> int:
        """How many planes there are."""
        return math.prod(self.pixels.shape[:-2])


@dataclass(frozen=True)
class PlanePreview:
    """A plane of an array at `place`, of which the part `looked.part` is denoised."""

    looked: Looked
    place: tuple[int, ...]
    pixels: NDArray[Any]

    @property
    def corner(self) -> tuple[int, ...]:
        """Index of the first pixel in the array."""
        rows, columns = self.looked.part
        return (*self.place, rows.start, columns.start)


@dataclass(frozen=True)
class LayerResult:
    """A layer's planes, denoised, and why to mistrust them, a sentence each."""

    pixels: NDArray[Any]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """What ended the work."""

    error: Exception


def preview_plane(
    process: DenoiserProcess, request: LayerRequest, at: tuple[int, ...]
) -> Generator[str, None, PlanePreview]:
    """Denoise the plane of a pixel, within 1024 px of it, and say what is done next.

    The plane comes back in the type of the array; CrispimError if array or model can't be used.
    """
    yield "Measuring the noise …"
    place = at[:-2]
    stack = ArraySource(request.pixels[stack_around(place, request.slices)])
    index = 0 if request.slices is None else place[request.slices]
    check_options(request.model.spec, request.noise)
    looked = look(stack, request.model, index, Crop(at[-2], at[-1], 1), request.noise)
    yield "Starting the network …"
    denoise = process.load(request.model, request.settings).told(looked.told)
    yield "Denoising the plane …"
    is_deep = request.model.spec.depth > 1
    denoised = denoise(looked.pixels if is_deep else looked.plane)
    return PlanePreview(looked, place, to_dtype(denoised, stack.dtype))


def with_strength(
    process: DenoiserProcess, request: LayerRequest, found: PlanePreview, strength: float
) -> Generator[str, None, NDArray[Any]]:
    """Denoise a previewed plane again, with its noise taken to be stronger by a factor."""
    yield "Denoising the plane …"
    looked = found.looked
    denoise = process.load(request.model, request.settings)
    denoise = denoise.told(looked.told.scaled(strength / request.noise.strength))
    denoised = denoise(looked.pixels if request.model.spec.depth > 1 else looked.plane)
    return to_dtype(denoised, found.pixels.dtype)


def adapt_to_layer(
    process: DenoiserProcess, request: LayerRequest, folder: Path, minutes: float
) -> Generator[AdaptStep, None, Adapted]:
    """Adapt a request's model to its planes, and yield after each step.

    The folder is a new one, of which nothing is left where the work is stopped.
    Raises CrispimError if array or model can't be used, or the planes don't fit into memory.
    """
    check_adaptable(request.model)
    shape, dtype = request.pixels.shape, np.dtype(request.pixels.dtype)
    free = psutil.virtual_memory().available
    _check_memory(2 * math.prod(shape) * dtype.itemsize, free, "adapting", "adapt")
    stacks = [np.asarray(request.pixels[at]) for at in stacks_of(shape, request.slices)]
    settings = AdaptSettings(minutes)
    task = Adaptation(np.stack(stacks), request.model, folder, settings, request.noise)
    try:
        return (yield from process.adapt(task))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def denoise_all(
    process: DenoiserProcess, request: LayerRequest
) -> Generator[float, None, LayerResult]:
    """Denoise all planes of an array, in its type, and yield 1.0 after each.

    Raises CrispimError if array or model can't be used, or the result doesn't fit into memory.
    """
    shape, dtype = request.pixels.shape, np.dtype(request.pixels.dtype).newbyteorder("=")
    model, settings = request.model, request.settings
    check_size(shape[-2:], model.spec)
    free = psutil.virtual_memory().available
    _check_memory(math.prod(shape) * dtype.itemsize, free, "the result", "denoise")
    check_options(model.spec, request.noise)
    denoiser = process.load(model, settings)
    result = np.empty(shape, dtype)
    problems: list[str] = []
    # Each stack by itself, as in a preview: a layer may hold several channels.
    for stack in stacks_of(shape, request.slices):
        source = ArraySource(request.pixels[stack])
        sink = ArraySink(source.shape, dtype, pixels=result[stack])
        job = plan_denoising_into(source, sink, model, settings, request.noise)
        problems += [*(job.noise.problems if job.noise else ()), *misfits(source, model)]
        yield from (share for share in denoise_locally(job, denoiser=denoiser) if share)
    return LayerResult(result, tuple(dict.fromkeys(problems)))


def _check_memory(needed: int, free: int, what: str, command: str) -> None:
    """Refuse what would not fit."""
    if needed > free:
        raise CrispimError(
            f"{what.capitalize()} takes {decimal(needed)}, and {decimal(free)} of memory are free: "
            f"{command} the file with `crispim-ij {command}` instead, which holds a few "
            "planes at once."
        )


def watched(
    work: Generator[Step, None, Result], stop: Event
) -> Generator[Step, None, Result | Failure | None]:
    """Take steps, in a thread that may neither raise nor be left half-way, until `stop` is set.

    Returns what `work` returns, what it raised, or None where it was stopped.
    """
    with closing(work):
        try:
            while not stop.is_set():
                yield next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        except Exception as error:  # noqa: BLE001 - raised again where it can be shown
            return Failure(error)
    return None
