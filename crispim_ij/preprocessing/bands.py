"""Preprocessing a plane in bands of rows, for planes that need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from crispim_ij.parity import NativeImageJ, Plane
from crispim_ij.planes import Sink
from crispim_ij.prefetch import prefetch
from crispim_ij.preprocessing.noise_plan import PlaneNoise
from crispim_ij.preprocessing.run import Run

_SOURCE_SIDE = 1024
_ROWS_AT_ONCE = 64


def fits_bands(run: Run) -> bool:
    """Tell whether planes can be, and are to be, made in bands.

    Parameters
    ----------
    run : Run
        What is done with every plane.

    Returns
    -------
    bool
        Whether all sinks take parts of planes, and the pixels of a part can be had
        alone: natively, with averaging, where no side grows.
    """
    before = run.source.shape[1:]
    shrinks = all(small <= large for small, large in zip(run.size, before, strict=True))
    parts = all(sink.unit != run.size and sink.unit == run.sink.unit for sink in run.sinks)
    return parts and run.engine.engine == "native" and run.settings.average and shrinks


def preprocess_in_bands(run: Run, index: int, on_done: Callable[[float], None]) -> None:
    """Preprocess a plane of which only a band is held at a time.

    The noise is one stream that runs through the bands from above; those that are
    finished are made again for it, but not written.

    Parameters
    ----------
    run : Run
        What is done with every plane.
    index : int
        Which plane.
    on_done : callable
        Called after each band, with the share of a plane that it is.
    """
    noise = run.noises[index]
    for row, band in _resized_bands(run, index):
        if run.clean_sink is not None:
            _write_units(run.clean_sink, index, band, row)
        _add_noise(run, band, noise, first=row == 0)
        _write_units(run.sink, index, band, row)
        on_done(len(band) / run.size[0])


def _add_noise(run: Run, band: Plane, noise: PlaneNoise, *, first: bool) -> None:
    """Add noise in place, little by little: the band is the most that is held."""
    if noise.sd == 0:
        return
    for top in range(0, len(band), _ROWS_AT_ONCE):
        part = band[top : top + _ROWS_AT_ONCE]
        seed = noise.seed if first and top == 0 else None
        part[:] = run.engine.noise(part, noise.sd, seed)


def _write_units(sink: Sink, index: int, band: Plane, row: int) -> None:
    """Write a band, unit by unit, where the sink lacks it."""
    for column in range(0, band.shape[1], sink.unit[1]):
        if not sink.has(index, (row, column)):
            sink.write(index, band[:, column : column + sink.unit[1]], (row, column))


def _resized_bands(run: Run, index: int) -> Iterator[tuple[int, Plane]]:
    """Yield each band's first row and its pixels, from above; as high as a unit of the sink."""
    source, size, height = run.source, run.size, run.sink.unit[0]
    shape = source.shape[1], source.shape[2]
    engine = cast("NativeImageJ", run.engine)
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
            run.settings.interpolation,
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
        done = prefetch(made, parts, workers=run.workers, ahead=2 * run.workers)
        for (rows, columns), pixels in zip(parts, done, strict=True):
            band[rows.start - top : rows.stop - top, columns] = pixels
        yield top, band
