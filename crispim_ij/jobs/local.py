"""Jobs done by this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np

from crispim_ij.denoising import TileDenoiser, denoise_planes, load_denoiser
from crispim_ij.jobs.denoise import DenoiseJob
from crispim_ij.jobs.preprocess import PreprocessJob
from crispim_ij.parity import NativeImageJ, Plane
from crispim_ij.planes import Sink
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocessing import PlaneNoise, add_noise, downsample
from crispim_ij.profiling import Clock

THREADS = min(4, os.cpu_count() or 1)
"""That preprocess, where nothing else is said."""

_SOURCE_SIDE = 1024
_ROWS_AT_ONCE = 64

Result = TypeVar("Result")


def denoise_locally(
    job: DenoiseJob, clock: Clock | None = None, denoiser: TileDenoiser | None = None
) -> Generator[float, None, None]:
    """Denoise in this process, as far as steps are taken.

    Parameters
    ----------
    job : DenoiseJob
        What is to be done. What its outputs have already is left out.
    clock : Clock, optional
        Measures where the time goes; this thread must have made it.
    denoiser : TileDenoiser, optional
        The job's model, where it is loaded already.

    Yields
    ------
    float
        0 once the outputs are open, then after each write the share of a plane that it was.
        Closing the iterator ends the job as Ctrl-C does.
    """
    clock = clock or Clock()
    if denoiser is None:
        with clock.measure("starting"):
            denoiser = load_denoiser(job.model, job.settings, uncertain=job.uncertain)
    with clock.sink(job.sink) as sink:
        yield 0.0
        yield from denoise_planes(
            clock.source(job.source), sink, clock.denoiser(denoiser), job.noises
        )


def preprocess_locally(
    job: PreprocessJob, threads: int | None = None, clock: Clock | None = None
) -> Generator[float, None, None]:
    """Preprocess in this process, as far as steps are taken.

    Planes pass one at a time: memory doesn't grow with their number. For sinks that write
    parts of planes they pass in bands of rows, where `fits_bands` says that they can.

    Parameters
    ----------
    job : PreprocessJob
        What is to be done. What its outputs have already is left out.
    threads : int, optional
        How many compute; by default `THREADS`. The pixels don't depend on it.
    clock : Clock, optional
        Measures where the time goes; this thread must have made it.

    Yields
    ------
    float
        See `denoise_locally`.
    """
    clock = clock or Clock()
    timed = replace(
        job,
        source=clock.source(job.source),
        engine=clock.engine(job.engine),
        noisy=clock.sink(job.noisy),
        clean=None if job.clean is None else clock.sink(job.clean),
    )
    with ExitStack() as opened:
        for sink in timed.sinks:
            opened.enter_context(sink)
        yield 0.0
        yield from preprocess_planes(timed, timed.wanted(), threads or THREADS)


def preprocess_planes(job: PreprocessJob, wanted: list[int], threads: int = 1) -> Iterator[float]:
    """Preprocess some planes, of rising index, of a job whose outputs are open; yield as above."""
    if fits_bands(job):
        for index in wanted:
            yield from _in_bands(job, index, threads)
    else:
        yield from _whole(job, wanted, threads)


def _whole(job: PreprocessJob, wanted: list[int], threads: int) -> Iterator[float]:
    """Preprocess planes that are held as a whole."""

    def computed(index: int) -> tuple[Plane, Plane | None]:
        clean = downsample(job.source.read(index), job.size, job.settings, job.engine)
        # A stream that runs through the stack must meet its planes in order, below.
        is_stream = job.settings.seed_stack
        return clean, None if is_stream else add_noise(clean, job.noise(index), job.engine)

    made = _in_order(computed, wanted, threads)
    for index, (clean, noisy) in zip(wanted, made, strict=True):
        if noisy is None:
            noisy = add_noise(clean, job.noise(index), job.engine)
        job.write(index, clean, noisy)
        yield 1.0


def _in_order(
    function: Callable[[int], Result], indices: list[int], threads: int
) -> Iterator[Result]:
    """Apply a function to each index; one thread is this one itself."""
    if threads == 1:
        return map(function, indices)
    return prefetch(function, indices, workers=threads, ahead=2 * threads)


def fits_bands(job: PreprocessJob) -> bool:
    """Tell whether planes are made in bands of rows, for they need not fit into memory.

    That is where all sinks take parts of planes, and the pixels of a part can be had alone:
    natively, with averaging, where no side grows.
    """
    before = job.source.shape[1:]
    shrinks = all(small <= large for small, large in zip(job.size, before, strict=True))
    parts = all(job.size != sink.write_shape == job.noisy.write_shape for sink in job.sinks)
    return parts and job.engine.engine == "native" and job.settings.average and shrinks


def _in_bands(job: PreprocessJob, index: int, threads: int) -> Iterator[float]:
    """Preprocess a plane of which only a band is held at a time; yield each band's share.

    The noise is one stream that runs through the bands from above; those that are finished
    are made again for it, but not written.
    """
    noise = job.noise(index)
    for row, band in _downsampled_bands(job, index, threads):
        if job.clean is not None:
            _write_cells(job.clean, index, band, row)
        _add_noise_to_band(job, band, noise, first=row == 0)
        _write_cells(job.noisy, index, band, row)
        yield len(band) / job.size[0]


def _add_noise_to_band(job: PreprocessJob, band: Plane, noise: PlaneNoise, *, first: bool) -> None:
    """Add noise in place, little by little: the band is the most that is held."""
    for top in range(0, len(band), _ROWS_AT_ONCE):
        part = band[top : top + _ROWS_AT_ONCE]
        seed = noise.seed if first and top == 0 else None
        part[:] = add_noise(part, PlaneNoise(noise.sd, seed), job.engine)


def _write_cells(sink: Sink, index: int, band: Plane, row: int) -> None:
    """Write a band, cell by cell, where the sink lacks it."""
    width = sink.write_shape[1]
    for column in range(0, band.shape[1], width):
        if not sink.has(index, (row, column)):
            sink.write(index, band[:, column : column + width], (row, column))


def _downsampled_bands(job: PreprocessJob, index: int, threads: int) -> Iterator[tuple[int, Plane]]:
    """Yield each band's first row and its pixels, from above; as high as a cell of the sink."""
    source, size, height = job.source, job.size, job.noisy.write_shape[0]
    shape = source.shape[1], source.shape[2]
    engine = cast("NativeImageJ", job.engine)  # as `fits_bands` has checked
    # Parts of a band that need about so many pixels of the source a side.
    rows_at_once, columns_at_once = (
        max(1, _SOURCE_SIDE * after // before) for after, before in zip(size, shape, strict=True)
    )

    def made(part: tuple[slice, slice]) -> Plane:
        return engine.resize_part(
            lambda rows, columns: source.read_region(index, rows, columns),
            shape,
            size,
            part,
            job.settings.interpolation,
        )

    for top in range(0, size[0], height):
        bottom = min(top + height, size[0])
        parts = [
            (
                slice(row, min(row + rows_at_once, bottom)),
                slice(column, min(column + columns_at_once, size[1])),
            )
            for column in range(0, size[1], columns_at_once)
            for row in range(top, bottom, rows_at_once)
        ]
        band = np.empty((bottom - top, size[1]), source.dtype)
        done = prefetch(made, parts, workers=threads, ahead=2 * threads)
        for (rows, columns), pixels in zip(parts, done, strict=True):
            band[rows.start - top : rows.stop - top, columns] = pixels
        yield top, band
