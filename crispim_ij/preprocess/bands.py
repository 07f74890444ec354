"""Preprocessing a plane in bands of rows, for planes that need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from crispim_ij.parity import NativeImageJ, Plane
from crispim_ij.prefetch import prefetch

if TYPE_CHECKING:
    from crispim_ij.preprocess.run import Run

_SOURCE_SIDE = 1024


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


def resized_bands(run: Run, index: int) -> Iterator[tuple[int, Plane]]:
    """Resize a plane band by band, from above.

    Parameters
    ----------
    run : Run
        What is done with every plane; a band is as high as a unit of its sinks.
    index : int
        Which plane.

    Yields
    ------
    row : int
        The band's first.
    band : ndarray
        As wide as the plane.
    """
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
