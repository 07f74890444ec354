"""OME-XML: what it says of the first image, and the same said of a file rewritten."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from crispim_ij.planes.checks import DamagedError
from crispim_ij.planes.provenance import KEY, History, history
from crispim_ij.planes.units import Size, known_size, stride, unit_symbol

_TYPES = {"uint8": "uint8", "uint16": "uint16", "int16": "int16", "float32": "float"}
_PLACES = ("TiffData", "BinData", "MetadataOnly")
# OME's schema needs 8, and annotations bring some of their own.
_DEEPEST = 100


class OmeXmlError(DamagedError):
    """OME-XML that is damaged, unsafe to read, or lists no planes of its own."""


@dataclass(frozen=True)
class OmeFacts:
    """Sizes of the first image of an OME-XML."""

    axes: str
    sizes: tuple[int, ...]
    steps: dict[str, Size]
    history: History


@dataclass(frozen=True)
class Listed:
    """Planes in a row that one TiffData of an OME-XML finds in one file."""

    first: tuple[int, ...]  # where the first belongs, along the image's axes
    page: int  # that the first is in
    count: int | None  # None for all pages of the file
    is_open: bool  # whether more may follow, in pages that nothing else lists
    file: str | None  # its name, None where it isn't said
    is_own: bool  # whether the file is the one that has the OME-XML


@dataclass(frozen=True)
class OmeImage:
    """An image of an OME-XML, and where its planes are."""

    number: int  # among the images, from 0
    name: str  # '' without one
    axes: str  # 'TZC' in the order of its planes, slowest first
    sizes: tuple[int, ...]  # samples of a page counted as channels
    samples: int  # channels that each page holds
    listed: tuple[Listed, ...]  # along C, `first` counts pages
    is_alone: bool  # whether the OME-XML is of no other image


def read(xml: str) -> OmeFacts:
    """Return the sizes of the first image that has planes, or raise OmeXmlError.

    Axes are slowest first.
    """
    root = _parse(xml)
    pixels = _first_image(root)[1]
    axes = pixels.get("DimensionOrder", "XYCZT")[:1:-1]
    return OmeFacts(
        axes=axes,
        sizes=tuple(_size(pixels, axis) for axis in axes),
        steps=_steps(pixels),
        history=_history(root),
    )


def _steps(pixels: ET.Element) -> dict[str, Size]:
    """Return the sizes that an image gives; where a unit is left out, OME's schema says which."""
    found = {}
    for axis, name, unit in (
        ("T", "TimeIncrement", "s"),
        *((axis, f"PhysicalSize{axis}", "µm") for axis in "ZYX"),
    ):
        value = _positive(pixels, name)
        step = known_size(value, unit_symbol(pixels.get(f"{name}Unit") or unit))
        if step is not None:
            found[axis] = step
    return found


def written(
    xml: str,
    planes: int,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    scale: tuple[float, float],
) -> bytes:
    """Return, in UTF-8, OME-XML for a file that holds the first image's planes in its own order.

    Everything that is still true is kept as it was; other images, which the file doesn't
    hold, and regions that no longer fit are left out. `scale` has the factors by which pixels have
    grown in Y and X.
    """
    root = _parse(xml)
    image, pixels = _first_image(root)
    _describe(pixels, shape, dtype, scale)
    # A file that is one of several in a data set keeps its name and its place in it.
    if math.prod(_size(pixels, axis) for axis in "ZCT") == planes:
        root.attrib.pop("UUID", None)
        _place(pixels, planes)
        _leave_out_other_images(root, image)
    if scale != (1, 1):
        _remove(root, lambda e: _local(e) in ("ROI", "ROIRef"))
    return _serialised(root)


def annotated(xml: bytes, records: History) -> bytes:
    """Return OME-XML with an annotation of its first image for each record that it lacks."""
    root = _parse(xml.decode())
    missing = [record for record in records if record not in _history(root)]
    if not missing:
        return xml
    namespace = str(root.tag).rpartition("}")[0]
    prefix = f"{namespace}}}" if namespace else ""
    image = _first_image(root)[0]
    there = _children(root, "StructuredAnnotations")
    if there:
        annotations = there[0]
    else:
        annotations = ET.Element(f"{prefix}StructuredAnnotations")
        last = max(k for k, e in enumerate(root) if _local(e) == "Image")
        root.insert(last + 1, annotations)
    for number, record in enumerate(missing, len(_history(root))):
        name = f"Annotation:{KEY}-{number}"
        ET.SubElement(image, f"{prefix}AnnotationRef", {"ID": name})
        entry = {"ID": name, "Namespace": KEY}
        annotation = ET.SubElement(annotations, f"{prefix}MapAnnotation", entry)
        value = ET.SubElement(annotation, f"{prefix}Value")
        for key, said in record.items():
            # A text such as '2' is told from the number by its quotes.
            text = said if isinstance(said, str) and _value(said) == said else json.dumps(said)
            ET.SubElement(value, f"{prefix}M", {"K": key}).text = text
    return _serialised(root)


def _history(root: ET.Element) -> History:
    """Return the records among the annotations."""
    entries = [
        {
            str(pair.get("K")): _value(pair.text or "")
            for value in _children(annotation, "Value")
            for pair in _children(value, "M")
        }
        for annotations in _children(root, "StructuredAnnotations")
        for annotation in _children(annotations, "MapAnnotation")
        if annotation.get("Namespace") == KEY
    ]
    return history(entries)


def _value(text: str) -> Any:
    """Return what an annotation says: text, but lists and numbers are JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def selected(xml: str, places: Mapping[str, Sequence[int]]) -> str:
    """Return OME-XML of some planes of the first image: those at `places` along Z, C and T."""
    root = _parse(xml)
    pixels = _first_image(root)[1]
    for k, channel in enumerate(_children(pixels, "Channel")):
        if k not in places["C"]:
            pixels.remove(channel)
    anew = {axis: {str(old): str(new) for new, old in enumerate(places[axis])} for axis in "ZCT"}
    for plane in _children(pixels, "Plane"):
        found = {axis: anew[axis].get(plane.get(f"The{axis}", "0")) for axis in "ZCT"}
        if None in found.values():
            pixels.remove(plane)
        for axis, place in found.items():
            plane.set(f"The{axis}", place or "0")
    for axis in "ZCT":
        pixels.set(f"Size{axis}", str(len(places[axis])))
    _set_interval(pixels, stride(places["T"]))
    return _serialised(root).decode()


def _set_interval(pixels: ET.Element, apart: int | None) -> None:
    """Say how far apart time points are that lay one step apart, or that this differs."""
    step = _steps(pixels).get("T")
    if apart is None:
        pixels.attrib.pop("TimeIncrement", None)
    elif step is not None and apart > 1:
        pixels.set("TimeIncrement", repr(step.grown(apart).value))


def channel_names(xml: str) -> list[str]:
    """Return the names of the first image's channels, '' for one without."""
    pixels = _first_image(_parse(xml))[1]
    return [element.get("Name", "") for element in _children(pixels, "Channel")]


def stage_label(xml: str) -> str | None:
    """Return what the first image calls its stage position, None where it doesn't."""
    labels = _children(_first_image(_parse(xml))[0], "StageLabel")
    return labels[0].get("Name") if labels else None


def images(xml: str) -> list[OmeImage]:
    """Return the images whose planes are in TIFF files, or raise OmeXmlError if there are none."""
    root = _parse(xml)
    found = [
        _image(root, number, image, pixels)
        for number, image in enumerate(_children(root, "Image"))
        for pixels in _children(image, "Pixels")[:1]
        if _children(pixels, "TiffData")
    ]
    if not found:
        raise OmeXmlError("its OME-XML lists no planes of its own")
    return found


def metadata_file(xml: str) -> str | None:
    """Return the name of the file that has the OME-XML of a file of a set; None for its own."""
    parts = _children(_parse(xml), "BinaryOnly")
    return parts[0].get("MetadataFile", "") if parts else None


def of_planes(
    xml: str, image: OmeImage, sizes: Mapping[str, int], moved: Mapping[tuple[int, ...], Any]
) -> str:
    """Return OME-XML of some planes of one image alone, of new lengths along Z, C and T.

    `moved` says from where planes were along the image's axes to where they are now.
    """
    root = _parse(xml)
    kept = _children(root, "Image")[image.number]
    pixels = _children(kept, "Pixels")[0]
    root.attrib.pop("UUID", None)
    _leave_out_other_images(root, kept)
    _place(pixels, math.prod(sizes.values()))
    _keep_channels(pixels, image.samples, {old[image.axes.index("C")] for old in moved})
    for plane in _children(pixels, "Plane"):
        at = tuple(_count(plane, f"The{axis}", 0) for axis in image.axes)
        if at not in moved:
            pixels.remove(plane)
            continue
        for axis, place in zip(image.axes, moved[at], strict=True):
            plane.set(f"The{axis}", str(place))
    for axis, size in sizes.items():
        pixels.set(f"Size{axis}", str(size))
    return _serialised(root).decode()


def _keep_channels(pixels: ET.Element, samples: int, kept: set[int]) -> None:
    """Leave out channels of no plane, and split those of several samples a pixel."""
    for number, channel in enumerate(_children(pixels, "Channel")):
        at = list(pixels).index(channel)
        pixels.remove(channel)
        own = [s for s in range(samples) if number * samples + s in kept]
        for sample in reversed(own):
            copy = deepcopy(channel)
            if samples > 1:
                copy.set("SamplesPerPixel", "1")
                copy.set("ID", f"{channel.get('ID', 'Channel')}:{sample}")
            pixels.insert(at, copy)


def _image(root: ET.Element, number: int, image: ET.Element, pixels: ET.Element) -> OmeImage:
    """Read where an image's planes are."""
    order = pixels.get("DimensionOrder", "XYZCT")
    axes = order[:1:-1]
    if order[:2] != "XY" or sorted(axes) != ["C", "T", "Z"]:
        raise OmeXmlError(f"its OME-XML says DimensionOrder={order!r}")
    sizes = tuple(_size(pixels, axis) for axis in axes)
    if min(sizes) < 1:
        raise OmeXmlError("its OME-XML says that there are no planes")
    channels = _children(pixels, "Channel")
    samples = {_count(channel, "SamplesPerPixel", 1) for channel in channels} or {1}
    if len(samples) > 1 or min(samples) < 1:
        raise OmeXmlError("the channels of its OME-XML have different SamplesPerPixel")
    own = root.get("UUID")
    return OmeImage(
        number=number,
        name=image.get("Name", ""),
        axes=axes,
        sizes=sizes,
        samples=samples.pop(),
        listed=tuple(_listed(data, axes, own) for data in _children(pixels, "TiffData")),
        is_alone=len(_children(root, "Image")) == 1,
    )


def _listed(data: ET.Element, axes: str, own: str | None) -> Listed:
    """Read what a TiffData says, in a document whose UUID is `own`."""
    named = next((name for name in ("PlaneCount", "NumPlanes") if name in data.attrib), None)
    count = 0 if named is None else _count(data, named, 1)
    uuid = next(iter(_children(data, "UUID")), None)
    # A count of 0 says nothing, as to tifffile. OME's schema has 1 as the default beside an IFD.
    is_open = count == 0 and "IFD" in data.attrib
    return Listed(
        first=tuple(_count(data, f"First{axis}", 0) for axis in axes),
        page=_count(data, "IFD", 0),
        count=1 if is_open else count or None,
        is_open=is_open,
        file=None if uuid is None else uuid.get("FileName"),
        is_own=uuid is None or (own is not None and (uuid.text or "").strip() == own),
    )


def _count(element: ET.Element, name: str, default: int) -> int:
    """Return an attribute as a whole number, not below 0."""
    text = element.get(name, str(default))
    if not text.strip().isdecimal():
        raise OmeXmlError(f"its OME-XML says {name}={text[:20]!r}")
    return int(text[:12])


def _parse(xml: str) -> ET.Element:
    """Return the root, refusing what OME-XML never has and attacks are made of."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise OmeXmlError("its OME-XML declares a DOCTYPE, which is not safe to read")
    try:
        root = _shallow(xml)
    except ET.ParseError as error:
        raise OmeXmlError(f"its OME-XML is damaged, {error}") from error
    _list_planes(root)
    return root


def _list_planes(root: ET.Element) -> None:
    """Let the only image list the file's pages in their order, where it doesn't say where it is."""
    found = [pixels for image in _children(root, "Image") for pixels in _children(image, "Pixels")]
    if len(found) != 1 or _children(found[0], "TiffData") or _children(found[0], "BinData"):
        return
    pixels = found[0]
    for element in _children(pixels, "MetadataOnly"):
        pixels.remove(element)
    name = str(pixels.tag).removesuffix("Pixels") + "TiffData"
    pixels.insert(len(_children(pixels, "Channel")), ET.Element(name))


def _shallow(xml: str) -> ET.Element:
    """Return the root, refusing elements so deep in each other that none could write them."""
    depth = 0
    # No DOCTYPE, so no entities to expand.
    for event, element in ET.iterparse(io.StringIO(xml), ("start", "end")):  # noqa: S314
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise OmeXmlError(f"its OME-XML nests elements more than {_DEEPEST} deep")
        root: ET.Element = element
    # The last that ends is the root.
    return root


def _local(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _children(parent: ET.Element, name: str) -> list[ET.Element]:
    """Return the elements of a name, without its namespace, right below another."""
    return [element for element in parent if _local(element) == name]


def _first_image(root: ET.Element) -> tuple[ET.Element, ET.Element]:
    """Return the first image whose planes are in TIFF files, and its pixels."""
    for image in _children(root, "Image"):
        for pixels in _children(image, "Pixels"):
            if _children(pixels, "TiffData"):
                return image, pixels
    raise OmeXmlError("its OME-XML lists no planes of its own")


def _positive(element: ET.Element, name: str) -> float | None:
    """Return an attribute as a positive number, None where it isn't one."""
    try:
        value = float(element.get(name, ""))
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _size(pixels: ET.Element, axis: str) -> int:
    """Return an image's length along an axis."""
    text = pixels.get(f"Size{axis}", "1")
    try:
        return int(text)
    except ValueError as error:
        raise OmeXmlError(f"its OME-XML says Size{axis}={text!r}") from error


def _describe(
    pixels: ET.Element, shape: tuple[int, int], dtype: np.dtype[Any], scale: tuple[float, float]
) -> None:
    """Set size, type and byte order of an image's pixels."""
    if pixels.get("Type") != _TYPES[dtype.name]:
        pixels.attrib.pop("SignificantBits", None)
    pixels.set("Type", _TYPES[dtype.name])
    pixels.set("SizeY", str(shape[0]))
    pixels.set("SizeX", str(shape[1]))
    pixels.set("BigEndian", str(sys.byteorder == "big").lower())
    for axis, factor in zip("YX", scale, strict=True):
        step = _steps(pixels).get(axis)
        if step is not None and factor != 1:
            pixels.set(f"PhysicalSize{axis}", repr(step.grown(factor).value))


def _place(pixels: ET.Element, planes: int) -> None:
    """Say that the planes are the file's pages, one after another."""
    places = [element for element in pixels if _local(element) in _PLACES]
    index = list(pixels).index(places[0])
    for element in places:
        pixels.remove(element)
    tag = places[0].tag.rpartition("}")[0]
    name = f"{tag}}}TiffData" if tag else "TiffData"
    pixels.insert(index, ET.Element(name, {"IFD": "0", "PlaneCount": str(planes)}))


def _leave_out_other_images(root: ET.Element, image: ET.Element) -> None:
    """Remove all images but one, and what refers to them."""
    others = [e for e in _children(root, "Image") if e is not image]
    gone = {e.get("ID") for e in others}
    _remove(root, lambda e: e in others or (_local(e) == "ImageRef" and e.get("ID") in gone))


def _remove(root: ET.Element, unwanted: Any) -> None:
    """Remove all elements below `root` that are unwanted."""
    for parent in list(root.iter()):
        for element in [e for e in parent if unwanted(e)]:
            parent.remove(element)


def _serialised(root: ET.Element) -> bytes:
    """Return the XML with OME's namespace as the default, as readers expect it."""
    namespace = str(root.tag).rpartition("}")[0].lstrip("{")
    # ElementTree can make a namespace the default only for the whole process,
    # or where no attribute is without one.
    for element in root.iter():
        element.tag = str(element.tag).removeprefix(f"{{{namespace}}}")
    if namespace:
        root.set("xmlns", namespace)
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text
