"""What an OME-Zarr's JSON says of an image, read and written: OME-NGFF 0.1 to 0.5.

See https://ngff.openmicroscopy.org/0.5/. Within the package it is said in ImageJ's words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.planes import imagej_tags
from crispim_ij.planes.channels import channel_names
from crispim_ij.planes.checks import ZARR_FILES
from crispim_ij.planes.metadata import Metadata, display_ranges, omero_ranges
from crispim_ij.planes.units import METRES, OME_ZARR, SECONDS

_AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_COLOURS = ("FFFFFF", "FF0000", "00FF00", "0000FF", "FF00FF", "00FFFF", "FFFF00")


class _MalformedError(ValueError):
    """JSON that isn't what OME-NGFF says."""


@dataclass(frozen=True)
class ZarrImage:
    """The attributes of a multi-scale image.

    Attributes
    ----------
    version : str
        Of OME-NGFF, '0.4' or '0.5' and so on.
    axes : str
        Dimensions, slowest first: 'yx' with any of t, c, z before it.
    units : mapping of str to str
        UDUNITS-2 names, such as 'micrometer', by axis.
    paths : tuple of str
        Of the arrays, full resolution first.
    scales : tuple of tuple of float
        Size of a pixel along each axis, for each array.
    omero : mapping
        Names of channels and display settings.
    name : str
        The image's name.
    """

    version: str
    axes: str
    units: Mapping[str, str]
    paths: tuple[str, ...]
    scales: tuple[tuple[float, ...], ...]
    omero: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


def descriptions(path: Path) -> tuple[Path, ...]:
    """Return the JSON files that describe a group or an array."""
    return tuple(file for name in ZARR_FILES if (file := path / name).is_file())


# Read


def read_image(path: Path) -> ZarrImage:
    """Read what an OME-Zarr says of its first image.

    Raises CrispimError if its attributes are damaged, or of something that is not an image.
    """
    try:
        attributes = _attributes(path)
    except (OSError, ValueError, RecursionError) as error:
        raise CrispimError(
            f"the description of '{path}' can't be read ({error}): copy the OME-Zarr again."
        ) from error
    if "multiscales" not in attributes:
        raise _no_image(path, attributes)
    try:
        return _image(attributes)
    except _MalformedError as error:
        raise CrispimError(
            f"the description of '{path}' is not OME-Zarr that can be read "
            f"({error}): write it again with the program it is from."
        ) from error


def _attributes(path: Path) -> Mapping[str, Any]:
    """Return the group's OME attributes, of Zarr 3 or 2."""
    if (path / "zarr.json").is_file():
        group = _mapping(json.loads((path / "zarr.json").read_text("utf-8")))
        attributes = _mapping(group.get("attributes", {}))
        return _mapping(attributes.get("ome", attributes))
    if (path / ".zattrs").is_file():
        return _mapping(json.loads((path / ".zattrs").read_text("utf-8")))
    return {}


def _no_image(path: Path, attributes: Mapping[str, Any]) -> CrispimError:
    """Return the error for a Zarr that holds no image at its root."""
    if "plate" in attributes or "well" in attributes or "bioformats2raw.layout" in attributes:
        return CrispimError(
            f"'{path}' is a collection of images: give one of them, such as "
            f"'{path / ('A/1/0' if 'plate' in attributes else '0')}'."
        )
    return CrispimError(
        f"'{path}' is a Zarr without OME's description of an image: give the folder that holds "
        "'multiscales', or save it as OME-Zarr."
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{_shown(value)} is not a mapping")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _MalformedError(f"{_shown(value)} is not a list")
    return value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _MalformedError(f"{_shown(value)} is not a number") from error


def _shown(value: Any) -> str:
    return repr(value)[:40]


def _image(attributes: Mapping[str, Any]) -> ZarrImage:
    """Make sense of the first multi-scale image."""
    images = _list(attributes["multiscales"])
    if not images:
        raise _MalformedError("it lists no image")
    image = _mapping(images[0])
    # Up to 0.3 axes are names; up to 0.2 there are always five.
    entries = [
        {"name": axis} if isinstance(axis, str) else _mapping(axis)
        for axis in _list(image.get("axes", list("tczyx")))
    ]
    axes = "".join(str(entry.get("name")) for entry in entries).lower()
    if axes[-2:] != "yx" or len(set(axes)) < len(axes) or not set(axes) <= set("tczyx"):
        raise _MalformedError(f"the axes {axes!r} are not t, c, z, y, x")
    common = _scale(image, len(axes))
    datasets = [_mapping(dataset) for dataset in _list(image.get("datasets"))]
    return ZarrImage(
        version=str(attributes.get("version") or image.get("version") or "0.4"),
        axes=axes,
        units={e["name"].lower(): str(e["unit"]) for e in entries if e.get("unit")},
        paths=tuple(_inside(str(dataset.get("path"))) for dataset in datasets),
        scales=tuple(
            tuple(a * b for a, b in zip(_scale(dataset, len(axes)), common, strict=True))
            for dataset in datasets
        ),
        omero=_omero(attributes.get("omero")),
        name=str(image.get("name") or ""),
    )


def _inside(path: str) -> str:
    """Return an array's path, refusing one that leads out of the OME-Zarr on any system."""
    # Windows' rules hold those of POSIX: both separators, and drives.
    place = PureWindowsPath(path)
    if place.anchor or ".." in place.parts:
        raise _MalformedError(f"its array {path!r} lies outside of it")
    return path


def _omero(found: Any) -> Mapping[str, Any]:
    """Return display settings, nothing where they are not what OME-Zarr knows."""
    channels = found.get("channels", []) if isinstance(found, dict) else None
    known = isinstance(channels, list) and all(isinstance(entry, dict) for entry in channels)
    return found if known else {}


def _scale(entry: Mapping[str, Any], axes: int) -> tuple[float, ...]:
    """Return the scale among coordinate transformations, 1 where there is none."""
    for transformation in map(_mapping, _list(entry.get("coordinateTransformations", []))):
        if transformation.get("type") == "scale":
            scale = tuple(map(_number, _list(transformation.get("scale"))))
            if len(scale) != axes:
                raise _MalformedError(f"a scale of {len(scale)} numbers for {axes} axes")
            if not all(0 < value < math.inf for value in scale):
                raise _MalformedError(f"a scale of {scale}")
            return scale
    return (1.0,) * axes


def to_metadata(image: ZarrImage, level: int, shape: Mapping[str, int]) -> Metadata:
    """Return what is known of the planes of one of an image's arrays, as of an ImageJ hyperstack.

    They run along T, Z and C, C fastest, as ImageJ has them; `shape` is the array's by axis.
    """
    axes = "".join(axis for axis in "TZC" if axis.lower() in shape) or "Z"
    sizes = {axis: shape.get(axis.lower(), 1) for axis in axes}
    scale = dict(zip(image.axes, image.scales[level], strict=True))
    unit = _length(image, "x")
    steps = {axis: scale[axis] * _ratio(image, axis) for axis in "zyx" if axis in scale}
    second = SECONDS.get(OME_ZARR.get(image.units.get("t", ""), ""))
    interval = scale["t"] * second if "t" in scale and second else None
    known = [ends for ends in omero_ranges(image.omero) if ends is not None]
    ranges = sum(known, ()) if len(known) == sizes.get("C", 1) else ()
    fields = imagej_tags.hyperstack(sizes)
    fields |= imagej_tags.calibration(unit or "pixel", steps.get("z") if unit else None, interval)
    if ranges:
        fields |= {"min": str(ranges[0]), "max": str(ranges[1])}
    if sizes.get("C", 1) > 1:
        fields |= {"mode": "composite"}
    rationals = (imagej_tags.rational(1 / steps["x"]), imagej_tags.rational(1 / steps["y"]))
    return Metadata(
        kind="imagej",
        axes=axes,
        sizes=tuple(sizes.values()),
        pixel_size=(steps["y"], steps["x"]) if unit else None,
        z_step=steps.get("z") if unit else None,
        unit=unit,
        frame_interval=interval,
        description=imagej_tags.join(fields),
        imagej={"Ranges": ranges} if len(ranges) > 2 else {},
        resolution=rationals if unit else None,
        omero=image.omero,
    )


def _ratio(image: ZarrImage, axis: str) -> float:
    """Return the length of an axis' unit in that of X, 1 where one is not known."""
    own, first = (METRES.get(_length(image, name) or "") for name in (axis, "x"))
    return own / first if own and first else 1.0


def _length(image: ZarrImage, axis: str) -> str | None:
    """Return our name of an axis' unit of length, None where it is none that we know."""
    name = OME_ZARR.get(image.units.get(axis, ""))
    return name if name in METRES else None


# Written


def to_image(
    metadata: Metadata,
    scale: tuple[float, float],
    levels: int,
    name: str,
    version: str,
) -> ZarrImage:
    """Return what an OME-Zarr of so many resolutions says of the planes of a source.

    `scale` has the factors by which pixels have grown in Y and X.
    """
    axes = "".join(axis for axis in "tcz" if axis.upper() in metadata.axes) + "yx"
    names = {short: long for long, short in OME_ZARR.items() if short in METRES}
    unit = names.get(metadata.unit or "")
    units = {axis: unit for axis in axes if axis in "zyx"} if unit else {}
    if metadata.frame_interval and "t" in axes:
        units["t"] = "second"
    height, width = metadata.pixel_size or (1.0, 1.0)
    steps = {
        "t": metadata.frame_interval or 1.0,
        "c": 1.0,
        "z": metadata.z_step or 1.0,
        "y": height * scale[0],
        "x": width * scale[1],
    }
    return ZarrImage(
        version=version,
        axes=axes,
        units=units,
        paths=tuple(str(level) for level in range(levels)),
        scales=tuple(
            tuple(steps[axis] * (2**level if axis in "yx" else 1) for axis in axes)
            for level in range(levels)
        ),
        omero=metadata.omero or _channels(metadata),
        name=name,
    )


def _channels(metadata: Metadata) -> Mapping[str, Any]:
    """Return names and display ranges of a TIFF's channels, nothing where it has none."""
    sizes = dict(zip(metadata.axes, metadata.sizes, strict=True))
    count = sizes.get("C", 1)
    names = channel_names(metadata)
    ranges = display_ranges(metadata)
    if None in ranges and not any(names):
        return {}
    colours = _channel_colours(metadata, count)
    channels = []
    for k in range(count):
        entry: dict[str, Any] = {"active": True, "color": colours[k]}
        if k < len(names) and names[k]:
            entry["label"] = names[k]
        if (ends := ranges[k]) is not None:
            low, high = ends
            entry["window"] = {"min": low, "max": high, "start": low, "end": high}
        channels.append(entry)
    return {"channels": channels}


def _channel_colours(metadata: Metadata, channels: int) -> Sequence[str]:
    """Return the colour of each channel's brightest pixels, RRGGBB."""
    luts = metadata.imagej.get("LUTs")
    if isinstance(luts, list) and len(luts) >= channels:
        tops = [np.asarray(lut).reshape(3, -1)[:, -1] for lut in luts[:channels]]
        return ["".join(f"{int(value):02X}" for value in top) for top in tops]
    if channels == 1:
        return _COLOURS[:1]
    return [_COLOURS[1 + k % (len(_COLOURS) - 1)] for k in range(channels)]


def attributes_of(image: ZarrImage) -> dict[str, Any]:
    """Return the JSON attributes of a group that describe an image, in the words of its version.

    Each array's pixels are centred among those of the first that they are the mean of.
    """
    axes = [
        {"name": axis, "type": _AXIS_TYPES[axis]}
        | ({"unit": image.units[axis]} if axis in image.units else {})
        for axis in image.axes
    ]
    first = image.scales[0]
    datasets = []
    for path, scale in zip(image.paths, image.scales, strict=True):
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": list(scale)}]
        if scale != first:
            shift = [(own - full) / 2 for own, full in zip(scale, first, strict=True)]
            steps.append({"type": "translation", "translation": shift})
        datasets.append({"path": path, "coordinateTransformations": steps})
    multiscale: dict[str, Any] = {"name": image.name, "axes": axes, "datasets": datasets}
    if len(datasets) > 1:
        multiscale |= {"type": "mean"}
    attributes: dict[str, Any] = {"multiscales": [multiscale]}
    if image.omero:
        attributes["omero"] = dict(image.omero)
    if image.version == "0.5":
        return {"ome": {"version": "0.5", **attributes}}
    multiscale["version"] = image.version
    return attributes
