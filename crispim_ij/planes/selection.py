"""A hyperstack's channels and time points, some of them or all, and its stacks along Z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.metadata import Metadata, selected
from crispim_ij.planes.source import Source

_NAMES = {"C": ("channel", "--channel"), "T": ("time point", "--time")}


@dataclass(frozen=True)
class Selection:
    """Which of an image's planes are meant.

    Attributes
    ----------
    channels, times : tuple of int or None
        Numbers from 1, as ImageJ shows them, in rising order; None takes all.
    level : int
        Resolution of an OME-Zarr, 0 for the full one.
    series : int or None
        Of a TIFF that holds several images, counted from 1; None takes the first.
    """

    channels: tuple[int, ...] | None = None
    times: tuple[int, ...] | None = None
    level: int = 0
    series: int | None = None


def parse_numbers(text: str, option: str) -> tuple[int, ...]:
    """Read ``2``, ``1,3`` or ``2-5,8``: numbers from 1, each once, in rising order.

    Raises CrispimError, which names `option`, if the text is anything else.
    """
    numbers: set[int] = set()
    try:
        for part in text.split(","):
            first, to, last = part.partition("-")
            begin, end = int(first), int(last if to else first)
            if not 1 <= begin <= end <= 1_000_000:
                raise ValueError(part)
            numbers.update(range(begin, end + 1))
    except ValueError:
        raise CrispimError(
            f"{text!r} ({option}) is not a choice of numbers from 1 up: write for example "
            "2, 1,3 or 2-5."
        ) from None
    return tuple(sorted(numbers))


def select(source: Source, selection: Selection) -> Source:
    """Return the chosen planes of a source, or itself where all are chosen.

    Raises CrispimError if it doesn't have a channel or time point that is asked for.
    """
    chosen = {"C": selection.channels, "T": selection.times}
    wanted = {axis: numbers for axis, numbers in chosen.items() if numbers is not None}
    if not wanted:
        return source
    metadata = source.metadata
    sizes = dict(zip(metadata.axes, metadata.sizes, strict=True))
    for axis, numbers in wanted.items():
        if numbers[-1] > sizes.get(axis, 1):
            name, option = _NAMES[axis]
            raise CrispimError(
                f"'{source.path}' has {sizes.get(axis, 1)} {name}(s), so {name} {numbers[-1]} "
                f"({option}) is not there: choose one from 1 to {sizes.get(axis, 1)}."
            )
    places = {
        axis: [k - 1 for k in wanted[axis]] if axis in wanted else list(range(size))
        for axis, size in sizes.items()
    }
    return SelectedSource(source, places)


def z_stacks(metadata: Metadata, planes: int) -> NDArray[np.int64]:
    """Return which planes lie above one another.

    Parameters
    ----------
    metadata : Metadata
        Of the stack.
    planes : int
        How many planes it has.

    Returns
    -------
    ndarray of int, shape (stacks, Z)
        Indices of planes: a row for each time point and channel, along Z.
    """
    numbers = np.arange(planes)
    if "Z" not in metadata.axes:
        return numbers.reshape(-1, 1)
    axis = metadata.axes.index("Z")
    along = np.moveaxis(numbers.reshape(metadata.sizes), axis, -1)
    return along.reshape(-1, metadata.sizes[axis])


class SelectedSource(Source):
    """Some planes of another source, under their names there; closed together with it."""

    def __init__(self, source: Source, places: dict[str, list[int]]) -> None:
        self._source = source
        numbers = np.arange(len(source)).reshape(source.metadata.sizes)
        chosen = numbers[np.ix_(*(places[axis] for axis in source.metadata.axes))]
        self._indices: list[int] = chosen.reshape(-1).tolist()
        self.path, self.files = source.path, source.files
        self.names = tuple(source.names[k] for k in self._indices)
        self.shape = (len(self._indices), source.shape[1], source.shape[2])
        self.dtype, self.chunks = source.dtype, source.chunks
        self.metadata = selected(source.metadata, places, self._indices)
        self.notes, self.left_out, self.series = source.notes, source.left_out, source.series

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` of those chosen as a (Y, X) array."""
        return self._source.read(self._indices[index])

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index` of those chosen."""
        return self._source.read_region(self._indices[index], rows, columns)

    def plane_metadata(self, index: int) -> Metadata:
        """Return what a file that holds plane `index` alone should say of it."""
        return self._source.plane_metadata(self._indices[index])

    def close(self) -> None:
        """Close the source."""
        self._source.close()
