"""Part of a stack, with its counts mapped if need be, as a stack of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes import Metadata, Source, imagej_tags
from crispim_ij.planes.metadata import calibrated
from crispim_ij.reproduction.stacks import CountMap


class Substack(Source):
    """Planes of another source, cut and mapped as they are read.

    Parameters
    ----------
    source : Source
        All planes; stays its opener's to close.
    planes : range or None
        Which planes; None all.
    window : tuple of slice or None
        Rows and columns; None all.
    count_map : CountMap or None
        What becomes of the counts; None leaves them.
    """

    def __init__(
        self,
        source: Source,
        *,
        planes: range | None = None,
        window: tuple[slice, slice] | None = None,
        count_map: CountMap | None = None,
    ) -> None:
        self._source, self._map = source, count_map
        self._planes = range(len(source)) if planes is None else planes
        shape = source.shape[1:]
        rows, columns = window or (slice(0, shape[0]), slice(0, shape[1]))
        self._window = rows, columns
        self.path, self.files = source.path, source.files
        self.names = tuple(source.names[k] for k in self._planes)
        self.shape = (len(self._planes), rows.stop - rows.start, columns.stop - columns.start)
        self.dtype = np.dtype(np.uint16) if count_map else source.dtype
        self.chunks, self.notes = source.chunks, source.notes
        self.metadata = self._described()

    def _described(self) -> Metadata:
        """Return sizes in the world; colours and display ranges are of other counts."""
        known, planes = self._source.metadata, len(self._planes)
        steps = {axis: step for axis, step in known.steps.items() if axis != "T"}
        if not steps:
            return Metadata(sizes=(planes,))
        alone = Metadata(kind="imagej", sizes=(planes,), steps=steps)
        return calibrated(alone, imagej_tags.as_stack({}, planes))

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` of the substack as a (Y, X) array."""
        return self._mapped(self._source.read(self._planes[index])[self._window])

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index` of the substack."""
        place = [
            slice(start.start + part.start, start.start + part.stop)
            for start, part in zip(self._window, (rows, columns), strict=True)
        ]
        return self._mapped(self._source.read_region(self._planes[index], place[0], place[1]))

    def _mapped(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return pixels if self._map is None else self._map(pixels)
