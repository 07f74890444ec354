"""A hyperstack's channels and time points, some of them or all, and its stacks along Z."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.channels import (
    channel_count,
    channel_names,
    find_channel,
    is_stack_of_channels,
)
from crispim_ij.planes.metadata import Metadata, selected
from crispim_ij.planes.source import Source

_NAMES = {"C": ("channel", "--channel"), "T": ("time point", "--time")}


@dataclass(frozen=True)
class Selection:
    """Which of an image's planes are meant.

    Attributes
    ----------
    channels : tuple of int or str, or None
        Numbers from 1, as ImageJ shows them, or names, see
        `crispim_ij.planes.channels.channel_names`; None takes all.
    times : tuple of int or None
        Numbers from 1, in rising order; None takes all.
    level : int
        Resolution of an OME-Zarr, 0 for the full one.
    series : int or None
        Of a TIFF that holds several images, counted from 1; None takes the first.
    """

    channels: tuple[int | str, ...] | None = None
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


def parse_channels(text: str, option: str = "--channel") -> tuple[int | str, ...]:
    """Read ``2``, ``1,3``, ``2-5`` or names such as ``DAPI,GFP``, which `select` looks up.

    Raises CrispimError for numbers below 1.
    """
    chosen: list[int | str] = []
    for part in text.split(","):
        if part.strip().replace("-", "").isdecimal():
            chosen += parse_numbers(part, option)
        elif part.strip():
            chosen.append(part.strip())
        else:
            raise CrispimError(
                f"{text!r} ({option}) lacks a number or name: write for example 2, 1,3 or DAPI."
            )
    return tuple(chosen)


def select(source: Source, selection: Selection) -> Source:
    """Return the chosen planes of a source, or itself where all are chosen.

    Raises CrispimError if it doesn't have a channel or time point that is asked for.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    if selection.channels is not None:
        wanted["C"] = _numbers(source, selection.channels)
    if selection.times is not None:
        wanted["T"] = selection.times
    if not wanted:
        return source
    metadata = source.metadata
    sizes = metadata.lengths
    for axis, numbers in wanted.items():
        if numbers[-1] > sizes.get(axis, 1):
            name, option = _NAMES[axis]
            raise CrispimError(
                f"'{source.path}' has {sizes.get(axis, 1)} {name}(s), so {name} {numbers[-1]} "
                f"({option}) is not there: choose one from 1 to {sizes.get(axis, 1)}."
            )
    chosen = {axis: [k - 1 for k in numbers] for axis, numbers in wanted.items() if axis in sizes}
    return SelectedSource(source, {**_everywhere(metadata), **chosen})


def numbered(source: Source, selection: Selection) -> Selection:
    """Return a selection with numbers in place of the names that a source's channels have.

    Raises CrispimError for names that they don't have.
    """
    if selection.channels is None:
        return selection
    return replace(selection, channels=_numbers(source, selection.channels))


def _numbers(source: Source, channels: tuple[int | str, ...]) -> tuple[int, ...]:
    """Return the numbers of channels; a number that is no channel's may be a name, too."""
    names, count = channel_names(source.metadata), channel_count(source.metadata)
    found: set[int] = set()
    for channel in channels:
        number = find_channel(str(channel), names)
        if isinstance(channel, int):
            found.add(channel if channel <= count else number or channel)
        elif number is None:
            called = ", ".join(repr(name) for name in names if name) or "without names"
            raise CrispimError(
                f"'{source.path}' has no channel of the name {channel!r} (--channel), but "
                f"{count} ({called}): give such a name, or a number from 1 to {count}."
            )
        else:
            found.add(number)
    return tuple(sorted(found))


def aligned(source: Source, other: Source) -> Source:
    """Return a source with its planes in the order of another's, as far as both say how they run.

    Raises CrispimError if they have other channels, slices or time points.
    """
    own, wanted = (_several(one.metadata) for one in (source, other))
    if own == wanted or min(len(own), len(wanted)) < 2:
        return source
    if dict(own) != dict(wanted):
        said = [", ".join(f"{size} along {axis}" for axis, size in one) for one in (own, wanted)]
        raise CrispimError(
            f"'{source.path}' holds {said[0]}, but '{other.path}' {said[1]}: give the same planes."
        )
    places = _everywhere(source.metadata)
    return SelectedSource(source, places, "".join(axis for axis, _ in wanted))


def _everywhere(metadata: Metadata) -> dict[str, list[int]]:
    """Return all places along each axis."""
    return {axis: list(range(size)) for axis, size in metadata.lengths.items()}


def _several(metadata: Metadata) -> list[tuple[str, int]]:
    """Return the axes along which there is more than one plane, and their lengths."""
    return [pair for pair in metadata.lengths.items() if pair[1] > 1]


def by_channel(source: Source) -> list[Source]:
    """Return each channel of a source as one of its own, or the source itself where it has one."""
    count = channel_count(source.metadata)
    if count == 1 or is_stack_of_channels(source.metadata):
        return [source]
    return [select(source, Selection(channels=(k + 1,))) for k in range(count)]


def z_stacks(metadata: Metadata, planes: int) -> NDArray[np.int64]:
    """Return the indices of planes that lie above one another.

    A row for each time point and channel, along Z.
    """
    if "Z" not in metadata.axes:
        return np.arange(planes).reshape(-1, 1)
    return _rows_along(metadata, planes, "Z")


def _rows_along(metadata: Metadata, planes: int, name: str) -> NDArray[np.int64]:
    """Return the numbers of planes, a row along an axis for each place along the others."""
    axis = metadata.axes.index(name)
    along = np.moveaxis(np.arange(planes).reshape(metadata.sizes), axis, -1)
    return along.reshape(-1, metadata.sizes[axis])


def clean_stacks(metadata: Metadata, planes: int) -> NDArray[np.int64]:
    """Return which clean planes are one another's neighbours, as `z_stacks` does.

    Where each is the only slice of its time point, they are taken to lie along time; see also
    `crispim_ij.planes.channels.is_stack_of_channels`.
    """
    if is_stack_of_channels(metadata):
        return np.arange(planes).reshape(1, -1)
    stacks = z_stacks(metadata, planes)
    if stacks.shape[1] > 1 or "T" not in metadata.axes:
        return stacks
    return _rows_along(metadata, planes, "T")


class SelectedSource(Source):
    """Some planes of another source, under their names there; closed together with it.

    `places` are those wanted along each axis; `axes`, if given, says along which the planes are to
    run, slowest first.
    """

    def __init__(self, source: Source, places: dict[str, list[int]], axes: str = "") -> None:
        self._source = source
        own = source.metadata.axes
        numbers = np.arange(len(source)).reshape(source.metadata.sizes)
        chosen = numbers[np.ix_(*(places[axis] for axis in own))]
        order = [own.index(axis) for axis in (*(a for a in own if a not in axes), *axes)]
        chosen = chosen.transpose(order)
        self._indices: list[int] = chosen.reshape(-1).tolist()
        self.path, self.files = source.path, source.files
        self.names = tuple(source.names[k] for k in self._indices)
        self.shape = (len(self._indices), source.shape[1], source.shape[2])
        self.dtype, self.chunks = source.dtype, source.chunks
        metadata = selected(source.metadata, places, self._indices)
        self.metadata = replace(metadata, axes="".join(own[k] for k in order), sizes=chosen.shape)
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
