"""Preprocessing a plane in bands of rows, for planes that need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from crispim_ij.parity import Engine, Plane, resize_part
from crispim_ij.prefetch import prefetch

if TYPE_CHECKING:
    from crispim_ij.planes import Sink, Source
    from crispim_ij.preprocess.settings import PreprocessSettings

_SOURCE_SIDE = 1024


def fits_bands(
    source: Source,
    sinks: list[Sink],
    settings: PreprocessSettings,
    engine: Engine,
    size: tuple[int, int],
) -> bool:
    """Tell whether planes can be, and are to be, made in bands.

    Parameters
    ----------
    source : Source
        The planes.
    sinks : list of Sink
        Where they go.
    settings : PreprocessSettings
        How they are made.
    engine : Engine
        Who makes them.
    size : tuple of int
        Rows and columns that they get.

    Returns
    -------
    bool
        Whether all sinks take parts of planes, and the pixels of a part can be had
        alone: natively, with averaging, where no side grows.
    """
    shrinks = all(after <= before for after, before in zip(size, source.shape[1:], strict=True))
    parts = all(sink.unit != size and sink.unit == sinks[0].unit for sink in sinks)
    return parts and engine.engine == "native" and settings.average and shrinks


def resized_bands(
    source: Source,
    index: int,
    size: tuple[int, int],
    height: int,
    settings: PreprocessSettings,
    workers: int,
) -> Iterator[tuple[int, Plane]]:
    """Resize a plane band by band, from above.

    Parameters
    ----------
    source : Source
        The planes.
    index : int
        Which.
    size : tuple of int
        Rows and columns that it gets.
    height : int
        Rows of a band.
    settings : PreprocessSettings
        The interpolation.
    workers : int
        Number of threads.

    Yields
    ------
    row : int
        The band's first.
    band : ndarray
        As wide as the plane.
    """
    shape = source.shape[1], source.shape[2]
    # Parts of a band that need about so many pixels of the source a side.
    rows_at_once, columns_at_once = (
        max(1, _SOURCE_SIDE * after // before) for after, before in zip(size, shape, strict=True)
    )

    def made(part: tuple[slice, slice]) -> Plane:
        return resize_part(
            lambda rows, columns: source.read_region(index, rows, columns),
            shape,
            size,
            part,
            settings.interpolation,
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
        done = prefetch(made, parts, workers=workers, ahead=2 * workers)
        for (rows, columns), pixels in zip(parts, done, strict=True):
            band[rows.start - top : rows.stop - top, columns] = pixels
        yield top, band
