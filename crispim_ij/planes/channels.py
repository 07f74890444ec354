"""Channels by name: what each format calls them, and which ones a user means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crispim_ij.planes import ome_xml
from crispim_ij.planes.metadata import Metadata

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


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
