"""What a TIFF says beside its pixels: tags, ImageJ's lines, OME-XML of a file or of a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from crispim_ij.planes import imagej_tags, ome_xml, provenance
from crispim_ij.planes.metadata import (
    Kind,
    Metadata,
    Rational,
    as_imagej,
    as_stack,
    calibrated,
    described,
)
from crispim_ij.planes.plane_names import NamedPlanes, file_names
from crispim_ij.planes.tiff_layout import Layout
from crispim_ij.planes.tiff_page import opened, tifffile_faults
from crispim_ij.planes.units import Size
from crispim_ij.planes.vendor_sizes import MICRO_MANAGERS_TAG, vendor_steps

_XML_SUFFIXES = (".ome", ".xml")
_MOST_XML = 2**28
_ORIENTATION = 274


def read_metadata(tif: tifffile.TiffFile, planes: int) -> Metadata:
    """Return what the first page of a TIFF of so many planes says of them all."""
    read = described(_read_tags(tif, planes))
    steps = {} if read.kind == "ome" else vendor_steps(tif)
    return _sized(read, steps) if steps else read


def _sized(metadata: Metadata, steps: Mapping[str, Size]) -> Metadata:
    """Add a vendor's sizes to what a file says in ImageJ's words, or in the tags of resolution."""
    if metadata.kind == "plain":
        return as_imagej(replace(metadata, steps={**metadata.steps, **steps}))
    fields = imagej_tags.parse(metadata.description or "")
    return calibrated(replace(metadata, steps={**steps, **metadata.steps}), fields)


def metadata_of(tif: tifffile.TiffFile, path: Path, layout: Layout, xml: str | None) -> Metadata:
    """Return what a TIFF, or a set that it is the first file of, says of the planes in a layout.

    `xml` is the OME-XML of them all.
    """
    count = len(layout.places)
    if xml is not None and layout.series.ome is not None:
        tags = replace(_read_tags(tif, count), kind="ome", description=_own_xml(xml, layout))
        return described(tags)
    read = read_metadata(tif, count)
    if read.kind == "ome":
        names = file_names(path.name.split(".")[0], {"Z": count})
        return as_stack(read, NamedPlanes(names, "Z", (count,)))
    if layout.series.is_told and (layout.axes != "Z" or read.kind == "imagej"):
        return _as_hyperstack(read, layout)
    if read.kind == "imagej":
        return _with_channels(read, count)
    return replace(read, axes=layout.axes, sizes=layout.sizes)


def stage_position(tif: tifffile.TiffFile) -> str | None:
    """Return what the file of one plane calls its stage position, None where it doesn't."""
    page = tif.pages.first
    if tif.is_ome and "<BinaryOnly" not in page.description:
        return ome_xml.stage_label(page.description)
    said = page.tags.valueof(MICRO_MANAGERS_TAG)
    name = said.get("PositionName") if isinstance(said, dict) else None
    return None if name is None else str(name)


def said_of_display(tif: tifffile.TiffFile, path: Path) -> tuple[str, ...]:
    """Return sentences on what programs do to planes when they show them, and we don't."""
    page = tif.pages.first
    orientation, lines = page.tags.valueof(_ORIENTATION, 1), page.imagej_description
    said = []
    if orientation in range(2, 9):
        said.append(
            f"'{path}' says that it is to be shown mirrored or turned (Orientation {orientation}), "
            "which ImageJ doesn't do: planes are read and written as they are stored."
        )
    if lines is not None and "cf" in imagej_tags.parse(lines):
        said.append(
            f"'{path}' has a calibration by which ImageJ shows other values than it stores: counts "
            "are those that are stored, and an OME-Zarr keeps them without the calibration."
        )
    return tuple(said)


class Document(NamedTuple):
    """The OME-XML that tells of a file's planes, None without any.

    `is_own` where the file itself has it; `notes` are what to say of it.
    """

    xml: str | None
    is_own: bool = True
    notes: tuple[str, ...] = ()


def ome_document(tif: tifffile.TiffFile, path: Path) -> Document:
    """Return what tells of a file's planes; of a file of a set it may be beside it."""
    if not tif.is_ome:
        return Document(None)
    xml = tif.pages.first.description
    name = ome_xml.metadata_file(xml) if "BinaryOnly" in xml else None
    if name is None:
        return Document(xml)
    found = _document_in(path.parent / name) if name and Path(name).name == name else None
    if found is not None:
        return Document(found, is_own=False)
    note = (
        f"'{path}' leaves what there is to say to '{name}', which is not beside it: planes are "
        "taken in the order of names and pages, and their sizes are not known."
    )
    return Document(None, is_own=False, notes=(note,))


def _document_in(path: Path) -> str | None:
    """Return the OME-XML in a file, None where there is none."""
    if not path.is_file():
        return None
    if path.suffix.lower() in _XML_SUFFIXES:
        with tifffile_faults(path):
            return path.read_text("utf-8") if path.stat().st_size < _MOST_XML else None
    with opened(path) as tif:
        xml = tif.pages.first.description if tif.is_ome else ""
    return xml if "<Image" in xml or ":Image" in xml else None


def _own_xml(xml: str, layout: Layout) -> str:
    """Return the OME-XML of the planes in a layout alone, as it is where it is of no others."""
    image = layout.series.ome
    assert image is not None
    is_whole = not layout.moved and image.samples == 1 and layout.sizes == image.sizes
    if is_whole and image.is_alone:
        return xml
    places = list(product(*map(range, layout.sizes)))
    moved = layout.moved or dict(zip(places, places, strict=True))
    return ome_xml.of_planes(xml, image, dict(zip(layout.axes, layout.sizes, strict=True)), moved)


def _as_hyperstack(metadata: Metadata, layout: Layout) -> Metadata:
    """Return what an ImageJ hyperstack says that holds the planes of another program's file."""
    stack = as_imagej(metadata) if metadata.kind == "plain" else metadata
    sizes = dict(zip(layout.axes, layout.sizes, strict=True))
    fields = imagej_tags.hyperstack(sizes, imagej_tags.parse(stack.description or ""))
    # The planes' order is the layout's now.
    fields.pop("order", None)
    return replace(
        stack, axes=layout.axes, sizes=layout.sizes, description=imagej_tags.join(fields)
    )


def _with_channels(metadata: Metadata, planes: int) -> Metadata:
    """Keep the channels of a hyperstack that has other slices than ImageJ's lines say."""
    fields = imagej_tags.parse(metadata.description or "")
    channels = int(imagej_tags.number(fields, "channels") or 1)
    is_flat = metadata.axes == "Z" and channels > 1
    if not is_flat or planes % channels or fields.get("order", "czt").lower() != "czt":
        return metadata
    sizes = {"Z": planes // channels, "C": channels}
    return replace(
        metadata,
        axes="ZC",
        sizes=tuple(sizes.values()),
        description=imagej_tags.join(imagej_tags.hyperstack(sizes, fields)),
    )


def _read_tags(tif: tifffile.TiffFile, planes: int) -> Metadata:
    """Return a file's tags, without what they mean."""
    kind: Kind = "plain"
    page, private = tif.pages.first, None
    description = page.description or None
    if tif.is_ome:
        # The file of a set that but points to the OME-XML of all has none.
        kind = "plain" if "<BinaryOnly" in page.description else "ome"
        description = None if kind == "plain" else description
    elif (lines := page.imagej_description) is not None:
        kind, description, private = "imagej", lines, page.tags.valueof(50839)
    return Metadata(
        kind=kind,
        sizes=(planes,),
        description=description,
        imagej=private if isinstance(private, dict) else {},
        resolution=_resolution(page),
        history=provenance.from_text(page.software),
        resolution_unit=_among(page, 296, tuple(tifffile.RESUNIT)),
        # Black is zero where a file doesn't say it, as to ImageJ.
        photometric=_among(page, 262, (0, 3)),
        colormap=None if page.colormap is None else np.asarray(page.colormap, np.uint16),
    )


def _among(page: tifffile.TiffPage, code: int, known: tuple[int, ...]) -> int:
    """Return a tag's value where it is one of those that are known, else 1."""
    found = page.tags.valueof(code)
    return int(found) if found in known else 1


def _resolution(page: tifffile.TiffPage) -> tuple[Rational, Rational] | None:
    """Return the resolution tags where they mean something."""
    values = tuple(page.tags.valueof(code) for code in (282, 283))
    if not all(isinstance(v, tuple) and len(v) == 2 and 0 not in v for v in values):
        return None
    # Of a damaged tag they may be fractions.
    return values if all(isinstance(part, int) for v in values for part in v) else None
