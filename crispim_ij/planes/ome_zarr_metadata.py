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
from crispim_ij.planes.checks import ZARR_FILES, DamagedError
from crispim_ij.planes.metadata import Metadata, calibrated, display_ranges, omero_ranges
from crispim_ij.planes.provenance import KEY, History, history
from crispim_ij.planes.units import UDUNITS, Size, known_size, unit_symbol

_AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_COLOURS = ("FFFFFF", "FF0000", "00FF00", "0000FF", "FF00FF", "00FFFF", "FFFF00")


# Scale and translation.
_Transformation = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class ZarrImage:
    """The attributes of a multi-scale image, whose arrays come in full resolution first."""

    version: str  # of OME-NGFF, '0.4' or '0.5' and so on
    axes: str  # slowest first: 'yx' with any of t, c, z before it
    units: Mapping[str, str]  # UDUNITS-2 names, such as 'micrometer', by axis
    paths: tuple[str, ...]  # of the arrays
    scales: tuple[tuple[float, ...], ...]  # a pixel's size along each axis; 1 where not known
    translations: tuple[tuple[float, ...], ...]  # where each array's first pixel lies
    omero: Mapping[str, Any] = field(default_factory=dict)  # names of channels, display settings
    name: str = ""
    history: History = ()


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
    except DamagedError as error:
        raise CrispimError(
            f"the description of '{path}' is not OME-Zarr that can be read "
            f"({error}): write it again with the program it is from."
        ) from error


def _attributes(path: Path) -> Mapping[str, Any]:
    """Return the group's OME attributes, of Zarr 3 or 2."""
    if (path / "zarr.json").is_file():
        group = _mapping(json.loads((path / "zarr.json").read_text("utf-8")))
        attributes = _mapping(group.get("attributes", {}))
        return {**_mapping(attributes.get("ome", attributes)), KEY: attributes.get(KEY)}
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
        raise DamagedError(f"{_shown(value)} is not a mapping")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise DamagedError(f"{_shown(value)} is not a list")
    return value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedError(f"{_shown(value)} is not a number") from error


def _shown(value: Any) -> str:
    return repr(value)[:40]


def _image(attributes: Mapping[str, Any]) -> ZarrImage:
    """Make sense of the first multi-scale image."""
    images = _list(attributes["multiscales"])
    if not images:
        raise DamagedError("it lists no image")
    image = _mapping(images[0])
    # Up to 0.3 axes are names; up to 0.2 there are always five.
    entries = [
        {"name": axis} if isinstance(axis, str) else _mapping(axis)
        for axis in _list(image.get("axes", list("tczyx")))
    ]
    axes = "".join(str(entry.get("name")) for entry in entries).lower()
    if axes[-2:] != "yx" or len(set(axes)) < len(axes) or not set(axes) <= set("tczyx"):
        raise DamagedError(f"the axes {axes!r} are not t, c, z, y, x")
    common = _transformation(image, len(axes))
    datasets = [_mapping(dataset) for dataset in _list(image.get("datasets"))]
    placed = [_after(_transformation(dataset, len(axes)), common) for dataset in datasets]
    return ZarrImage(
        version=str(attributes.get("version") or image.get("version") or "0.4"),
        axes=axes,
        units={e["name"].lower(): str(e["unit"]) for e in entries if e.get("unit")},
        paths=tuple(_inside(str(dataset.get("path"))) for dataset in datasets),
        scales=tuple(scale for scale, _ in placed),
        translations=tuple(translation for _, translation in placed),
        omero=_omero(attributes.get("omero")),
        name=str(image.get("name") or ""),
        history=history(found if isinstance(found := attributes.get(KEY), list) else ()),
    )


def _inside(path: str) -> str:
    """Return an array's path, refusing one that leads out of the OME-Zarr on any system."""
    # Windows' rules hold those of POSIX: both separators, and drives.
    place = PureWindowsPath(path)
    if place.anchor or ".." in place.parts:
        raise DamagedError(f"its array {path!r} lies outside of it")
    return path


def _omero(found: Any) -> Mapping[str, Any]:
    """Return display settings, nothing where they are not what OME-Zarr knows."""
    channels = found.get("channels", []) if isinstance(found, dict) else None
    known = isinstance(channels, list) and all(isinstance(entry, dict) for entry in channels)
    return found if known else {}


def _transformation(entry: Mapping[str, Any], axes: int) -> _Transformation:
    """Return the scale and the translation behind it; 1 and 0 where there is none."""
    total = (1.0,) * axes, (0.0,) * axes
    for transformation in map(_mapping, _list(entry.get("coordinateTransformations", []))):
        match transformation.get("type"):
            case "scale":
                scale = _numbers(transformation, "scale", axes)
                if not all(0 < value < math.inf for value in scale):
                    raise DamagedError(f"a scale of {scale}")
                total = _after(total, (scale, (0.0,) * axes))
            case "translation":
                total = _after(
                    total, ((1.0,) * axes, _numbers(transformation, "translation", axes))
                )
    return total


def _numbers(transformation: Mapping[str, Any], kind: str, axes: int) -> tuple[float, ...]:
    """Return a transformation's number for each axis."""
    numbers = tuple(map(_number, _list(transformation.get(kind))))
    if len(numbers) != axes:
        raise DamagedError(f"a {kind} of {len(numbers)} numbers for {axes} axes")
    if not all(map(math.isfinite, numbers)):
        raise DamagedError(f"a {kind} of {numbers}")
    return numbers


def _after(first: _Transformation, second: _Transformation) -> _Transformation:
    """Return what the second makes of what the first does."""
    (scale, shift), (by, further) = first, second
    return (
        tuple(a * b for a, b in zip(scale, by, strict=True)),
        tuple(a * b + c for a, b, c in zip(shift, by, further, strict=True)),
    )


def to_metadata(image: ZarrImage, level: int, shape: Mapping[str, int]) -> Metadata:
    """Return what is known of the planes of one of an image's arrays, as of an ImageJ hyperstack.

    They run along T, Z and C, C fastest, as ImageJ has them; `shape` is the array's by axis.
    """
    axes = "".join(axis for axis in "TZC" if axis.lower() in shape) or "Z"
    sizes = {axis: shape.get(axis.lower(), 1) for axis in axes}
    known = [ends for ends in omero_ranges(image.omero) if ends is not None]
    ranges = sum(known, ()) if len(known) == sizes.get("C", 1) else ()
    fields = imagej_tags.hyperstack(sizes)
    if ranges:
        fields |= {"min": str(ranges[0]), "max": str(ranges[1])}
    if sizes.get("C", 1) > 1:
        fields |= {"mode": "composite"}
    metadata = Metadata(
        kind="imagej",
        axes=axes,
        sizes=tuple(sizes.values()),
        steps=_steps(image, level),
        origin=_origin(image, level),
        imagej={"Ranges": ranges} if len(ranges) > 2 else {},
        omero=image.omero,
        history=image.history,
    )
    return calibrated(metadata, fields)


def _steps(image: ZarrImage, level: int) -> dict[str, Size]:
    """Return the sizes that are known: a scale of 1 without a unit stands for none."""
    found = {}
    for axis, full, scale in zip(image.axes, image.scales[0], image.scales[level], strict=True):
        unit = unit_symbol(image.units.get(axis, ""))
        step = known_size(scale, unit)
        # Lower resolutions of what isn't known aren't known either.
        if axis != "c" and step is not None and known_size(full, unit) is not None:
            found[axis.upper()] = step
    return found


def _origin(image: ZarrImage, level: int) -> dict[str, float]:
    """Return where the first pixel lies, along the axes where that isn't 0."""
    places = zip(image.axes, image.translations[level], strict=True)
    return {axis.upper(): place for axis, place in places if place and axis != "c"}


# Written


def to_image(
    metadata: Metadata,
    scale: tuple[float, float],
    levels: int,
    name: str,
    version: str,
) -> ZarrImage:
    """Return what an OME-Zarr of so many resolutions says of the planes of a source.

    `scale` has the factors by which pixels have grown in Y and X. The format asks for a scale of
    each axis: where none is known it is 1, without a unit.
    """
    axes = "".join(axis for axis in "tcz" if axis.upper() in metadata.axes) + "yx"
    factors = dict(zip("yx", scale, strict=True))
    steps = {axis: metadata.steps.get(axis.upper()) for axis in axes}
    units = {axis: step.unit for axis, step in steps.items() if step is not None and step.unit}
    scale_of, place_of = {}, {}
    for axis, step in steps.items():
        factor = factors.get(axis, 1)
        scale_of[axis] = step.grown(factor).value if step else 1.0
        # The edge stays where it is, so that the centre of a larger pixel lies farther in.
        shift = step.grown((factor - 1) / 2).value if step else 0.0
        place_of[axis] = metadata.origin.get(axis.upper(), 0.0) + shift
    scales = [
        tuple(scale_of[axis] * (2**level if axis in "yx" else 1) for axis in axes)
        for level in range(levels)
    ]
    return ZarrImage(
        version=version,
        axes=axes,
        units={axis: UDUNITS.get(unit, unit) for axis, unit in units.items()},
        paths=tuple(str(level) for level in range(levels)),
        scales=tuple(scales),
        translations=tuple(
            tuple(
                place_of[axis] + (own - full) / 2
                for axis, own, full in zip(axes, level, scales[0], strict=True)
            )
            for level in scales
        ),
        omero=metadata.omero or _channels(metadata),
        name=name,
        history=metadata.history,
    )


def _channels(metadata: Metadata) -> Mapping[str, Any]:
    """Return names and display ranges of a TIFF's channels, nothing where it has none."""
    sizes = metadata.lengths
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
    """Return the JSON attributes of a group that describe an image, in the words of its version."""
    axes = [
        {"name": axis, "type": _AXIS_TYPES[axis]}
        | ({"unit": image.units[axis]} if axis in image.units else {})
        for axis in image.axes
    ]
    datasets = []
    for path, scale, shift in zip(image.paths, image.scales, image.translations, strict=True):
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": list(scale)}]
        if any(shift):
            steps.append({"type": "translation", "translation": list(shift)})
        datasets.append({"path": path, "coordinateTransformations": steps})
    multiscale: dict[str, Any] = {"name": image.name, "axes": axes, "datasets": datasets}
    if len(datasets) > 1:
        multiscale |= {"type": "mean"}
    attributes: dict[str, Any] = {"multiscales": [multiscale]}
    if image.omero:
        attributes["omero"] = dict(image.omero)
    made = {KEY: [dict(record) for record in image.history]} if image.history else {}
    if image.version == "0.5":
        return {"ome": {"version": "0.5", **attributes}, **made}
    multiscale["version"] = image.version
    return attributes | made
