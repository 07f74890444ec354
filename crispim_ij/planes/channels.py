"""Channels by name: what each format calls them, and which ones a user means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crispim_ij.planes import ome_xml
from crispim_ij.planes.metadata import Metadata

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_MOST_SHOWN = 7
"""Channels that ImageJ shows over one another."""


def channel_count(metadata: Metadata) -> int:
    """Return how many channels there are."""
    return metadata.lengths.get("C", 1)


def channel_names(metadata: Metadata) -> tuple[str, ...]:
    """Return the names of channels, as files call them.

    Parameters
    ----------
    metadata : Metadata
        Of a source: names of a folder's files, an OME-TIFF's or OME-Zarr's names of channels, or
        labels of ImageJ that all planes of a channel share.

    Returns
    -------
    tuple of str
        One for each channel, '' for one without; empty where none has a name of its own.
    """
    count = channel_count(metadata)
    names = [*_said(metadata), *[""] * count][:count]
    # Of names that are not each channel's own, none tells which channel is meant.
    return tuple(names) if any(names) and len({*names} - {""}) == sum(map(bool, names)) else ()


def is_stack_of_channels(metadata: Metadata) -> bool:
    """Whether an ImageJ file calls all its planes channels, and gives none a name.

    So tifffile describes a stack whose axes it isn't told. To learn from it, and to measure on it,
    as on one stack does no harm; to denoise it so might.
    """
    long = {axis for axis, size in metadata.lengths.items() if size > 1}
    said = metadata.channels or metadata.omero or metadata.kind != "imagej"
    return long == {"C"} and not said


def said_of_channels(metadata: Metadata, path: Path) -> tuple[str, ...]:
    """Say that channels may be slices where ImageJ can't show so many over one another."""
    count = channel_count(metadata)
    if count <= _MOST_SHOWN or not is_stack_of_channels(metadata):
        return ()
    return (
        f"'{path}' says that its {count} planes are channels of one slice, as tifffile writes a "
        "stack whose axes it isn't told: if they are slices, say so in ImageJ (Image > "
        "Properties: 1 channel) and save it again.",
    )


def _said(metadata: Metadata) -> Sequence[str]:
    """Return what a source calls its channels, as far as it goes."""
    if metadata.channels:
        return metadata.channels
    if metadata.omero:
        entries = metadata.omero.get("channels", ())
        return [str(entry.get("label") or "") for entry in entries]
    if metadata.kind == "ome":
        return ome_xml.channel_names(metadata.description or "")
    return _shared_labels(metadata)


def _shared_labels(metadata: Metadata) -> Sequence[str]:
    """Return the labels of ImageJ's slices that are the same in all planes of a channel."""
    labels = metadata.imagej.get("Labels") or ()
    numbers = np.arange(len(labels))
    if "C" not in metadata.axes or len(labels) != np.prod(metadata.sizes):
        return ()
    channels = np.moveaxis(numbers.reshape(metadata.sizes), metadata.axes.index("C"), 0)
    each = [{str(labels[k] or "") for k in planes.ravel()} for planes in channels]
    return [one.pop() if len(one) == 1 else "" for one in each]


def find_channel(text: str, names: Sequence[str]) -> int | None:
    """Return the number, from 1, of the channel of a name in any case; None where there is none."""
    wanted = text.strip().casefold()
    found = [k for k, name in enumerate(names, 1) if name and name.casefold() == wanted]
    return found[0] if len(found) == 1 else None


def named_channels(metadata: Metadata) -> str:
    """Say how many channels there are and what they are called, '' for one without name."""
    names = channel_names(metadata)
    count = channel_count(metadata)
    if count == 1:
        return ""
    said = _WORDS[count] if count < len(_WORDS) else str(count)
    how = "by their names " if metadata.channels else ""
    listed = ", ".join(name or "?" for name in names)
    return f"{said} channels {how}({listed})" if names else f"{said} channels"
