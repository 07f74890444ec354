"""Which page of which file holds which plane: a series chosen, and what isn't there left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.ome_xml import OmeImage


class Place(NamedTuple):
    """Where a plane is: in which file and page, how many bytes behind its first, which sample."""

    file: int
    page: int
    ahead: int = 0
    sample: int = 0


ELSEWHERE = Place(-1, 0)
"""Of a plane that is in a file which isn't read."""


@dataclass(frozen=True)
class Series:
    """Planes that belong together, along axes as `Metadata` has them; None is one not there."""

    name: str  # '' where the file has none
    axes: str
    sizes: tuple[int, ...]
    planes: Sequence[Place | None]
    ome: OmeImage | None = None
    elsewhere: int = 0  # planes that are in other files
    is_told: bool = False  # by a vendor's own tags, which no file that is written has
    notes: tuple[str, ...] = ()  # for the user, each a sentence's end after the file's name

    def own(self) -> Series:
        """Return the series with its planes in other files counted, and as missing."""
        planes = [place if place and place.file >= 0 else None for place in self.planes]
        missing = sum(place is None for place in self.planes)
        return replace(self, planes=planes, elsewhere=planes.count(None) - missing)

    @property
    def files(self) -> set[int]:
        """The files that planes are in."""
        return {place.file for place in self.planes if place is not None}


@dataclass(frozen=True)
class Layout:
    """The planes that are read, all there, in their order, along axes as `Metadata` has them."""

    axes: str
    sizes: tuple[int, ...]
    places: Sequence[Place]
    series: Series
    # From where planes are listed, along the series' axes, to where they are; empty if all are.
    moved: Mapping[tuple[int, ...], tuple[int, ...]]
    notes: tuple[str, ...]
    names: tuple[str, ...]  # of all series


# Choose a series, and leave out what isn't there


def choose(found: Sequence[Series], number: int | None, path: Path) -> Layout:
    """Return the planes of series `number`, counted from 1, or of the first."""
    if number is not None and number > len(found):
        raise CrispimError(
            f"'{path}' has {len(found)} series, so series {number} (--series) is not there: "
            f"choose one from 1 to {len(found)}."
        )
    series = found[(number or 1) - 1]
    notes = [f"'{path}' {note}" for note in series.notes]
    if len(found) > 1:
        which = f"{number or 1}, '{series.name}'," if series.name else f"{number or 1}"
        notes.insert(
            0,
            f"'{path}' holds {len(found)} series, of which number {which} is taken: "
            "--series takes another.",
        )
    names = tuple(one.name for one in found)
    if None not in series.planes:
        whole = [place for place in series.planes if place is not None]
        return Layout(series.axes, series.sizes, whole, series, {}, tuple(notes), names)
    sizes, moved, alone = _without_missing(series)
    notes += _said_missing(path, series, len(moved), alone=alone)
    if not moved:
        raise CrispimError(
            f"'{path}' lacks all planes that its description lists: copy or save it again."
        )
    places = [series.planes[flat(old, series.sizes)] for old in moved]
    there = [place for place in places if place is not None]
    return Layout(series.axes, sizes, there, series, moved, tuple(notes), names)


def flat(at: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    """Return the number of the plane at a place along all axes."""
    return int(np.ravel_multi_index(at, sizes))


def _said_missing(path: Path, series: Series, kept: int, *, alone: bool) -> list[str]:
    """Say how many planes are not read, and what became of the others."""
    there = sum(place is not None for place in series.planes)
    # What is in no file of a folder is nowhere.
    elsewhere = 0 if path.is_dir() else series.elsewhere
    missing = len(series.planes) - there - elsewhere
    said = []
    if elsewhere:
        said.append(
            f"'{path}' is a part of a set: {there} of {len(series.planes)} planes are in it and "
            "are taken; give the folder that holds all parts to take the others too."
        )
    if missing:
        said.append(
            f"{missing} of the {len(series.planes)} planes that '{path}' lists are missing, as "
            f"where an acquisition was stopped: the {kept} that are there are taken."
        )
    if kept < there:
        said.append(
            f"{there - kept} planes of '{path}' are left out, where other channels are missing."
        )
    if alone:
        said.append(
            f"The planes of '{path}' fill no whole stacks: each counts as a time point of its own."
        )
    return said


def _without_missing(
    series: Series,
) -> tuple[tuple[int, ...], dict[tuple[int, ...], tuple[int, ...]], bool]:
    """Return the sizes without planes that are missing, and from where to where each moves.

    They stay a grid where they fill one. Else places where channels are missing are left out, and
    the others become time points, so that no plane gets neighbours that it doesn't have; then
    the last is True.
    """
    flat = [k for k, place in enumerate(series.planes) if place is not None]
    if not flat:
        return series.sizes, {}, False
    table = np.stack(np.unravel_index(flat, series.sizes), axis=1)
    channel = series.axes.find("C")
    if channel >= 0 and not _is_grid(table):
        table = _of_all_channels(table, channel)
    if _is_grid(table):
        columns = [np.unique(column, return_inverse=True) for column in table.T]
        sizes = tuple(len(values) for values, _ in columns)
        new = np.stack([inverse.reshape(-1) for _, inverse in columns], axis=1)
        return sizes, _mapping(table, new, sizes), False
    # Numbered by all axes but the channel's.
    rest = [k for k in range(len(series.axes)) if k != channel]
    _, numbers = np.unique(table[:, rest], axis=0, return_inverse=True)
    along = series.axes.index("T" if "T" in series.axes else series.axes.replace("C", "")[0])
    new = np.zeros_like(table)
    new[:, along] = numbers.reshape(-1)
    if channel >= 0:
        new[:, channel] = np.unique(table[:, channel], return_inverse=True)[1].reshape(-1)
    sizes = tuple(int(column.max()) + 1 for column in new.T)
    return sizes, _mapping(table, new, sizes), True


def _is_grid(table: NDArray[np.int64]) -> bool:
    return math.prod(len(np.unique(column)) for column in table.T) == len(table)


def _of_all_channels(table: NDArray[np.int64], channel: int) -> NDArray[np.int64]:
    """Keep the places that have all channels, if any has."""
    rest = np.delete(table, channel, axis=1)
    _, group, counts = np.unique(rest, axis=0, return_inverse=True, return_counts=True)
    whole = counts[group.reshape(-1)] == len(np.unique(table[:, channel]))
    return table[whole] if whole.any() else table


def _mapping(
    old: NDArray[np.int64], new: NDArray[np.int64], sizes: tuple[int, ...]
) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return from where to where planes move, in their new order."""
    order = np.argsort(np.ravel_multi_index(tuple(new.T), sizes))
    return {tuple(old[k].tolist()): tuple(new[k].tolist()) for k in order}
