"""What an OME-Zarr's JSON says of an image: OME-NGFF 0.1 to 0.5.

See https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from crispim_ij.errors import CrispimError

ZARR_SUFFIX = ".zarr"
_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_SPACE_AND_TIME = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


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


def is_zarr(path: Path) -> bool:
    """Whether a path is the folder of a Zarr."""
    # Unlike Path.is_file, this takes what it may not look at for absent.
    return path.is_dir() and any(os.path.isfile(path / mark) for mark in _MARKS)  # noqa: PTH113


def descriptions(path: Path) -> tuple[Path, ...]:
    """Return the JSON files that describe a group or an array."""
    return tuple(file for mark in _MARKS if (file := path / mark).is_file())


def read_image(path: Path) -> ZarrImage:
    """Read what an OME-Zarr says of its image.

    Parameters
    ----------
    path : Path
        The group's folder.

    Returns
    -------
    ZarrImage
        Its attributes.

    Raises
    ------
    CrispimError
        If they are damaged, or of something that is not an image.
    """
    attributes = _attributes(path)
    if "multiscales" not in attributes:
        raise _no_image(path, attributes)
    try:
        return _image(attributes)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CrispimError(
            f"the description of '{path}' is not OME-Zarr that can be read "
            f"({type(error).__name__}: {error}): write it anew with the program it is from."
        ) from error


def _attributes(path: Path) -> Mapping[str, Any]:
    """Return the group's OME attributes, of Zarr 3 or 2."""
    try:
        if (path / "zarr.json").is_file():
            attributes = json.loads((path / "zarr.json").read_text("utf-8")).get("attributes", {})
            found = attributes.get("ome", attributes)
        elif (path / ".zattrs").is_file():
            found = json.loads((path / ".zattrs").read_text("utf-8"))
        else:
            found = {}
        if not isinstance(found, dict):
            raise TypeError("attributes are not a mapping")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CrispimError(
            f"the description of '{path}' can't be read ({error}): copy the OME-Zarr again."
        ) from error
    return found


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


def _image(attributes: Mapping[str, Any]) -> ZarrImage:
    """Make sense of the first multi-scale image."""
    image = attributes["multiscales"][0]
    version = str(attributes.get("version") or image.get("version") or "0.4")
    entries = [
        {"name": axis} if isinstance(axis, str) else axis for axis in image.get("axes", "tczyx")
    ]
    axes = "".join(str(entry["name"]) for entry in entries).lower()
    if axes[-2:] != "yx" or len(set(axes)) < len(axes) or not set(axes) <= set("tczyx"):
        raise ValueError(f"the axes {axes!r} are not t, c, z, y, x")
    common = _scale(image, len(axes))
    datasets = image["datasets"]
    return ZarrImage(
        version=version,
        axes=axes,
        units={e["name"].lower(): str(e["unit"]) for e in entries if e.get("unit")},
        paths=tuple(_inside(str(dataset["path"])) for dataset in datasets),
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
        raise ValueError(f"its array {path!r} lies outside of it")
    return path


def _omero(found: Any) -> Mapping[str, Any]:
    """Return display settings, nothing where they are not what OME-Zarr knows."""
    channels = found.get("channels", []) if isinstance(found, dict) else None
    known = isinstance(channels, list) and all(isinstance(entry, dict) for entry in channels)
    return found if known else {}


def _scale(entry: Mapping[str, Any], axes: int) -> tuple[float, ...]:
    """Return the scale among coordinate transformations, 1 where there is none."""
    for transformation in entry.get("coordinateTransformations", ()):
        if transformation["type"] == "scale":
            scale = tuple(float(value) for value in transformation["scale"])
            if len(scale) != axes:
                raise ValueError(f"a scale of {len(scale)} numbers for {axes} axes")
            if not all(0 < value < math.inf for value in scale):
                raise ValueError(f"a scale of {scale}")
            return scale
    return (1.0,) * axes


def attributes_of(image: ZarrImage) -> dict[str, Any]:
    """Return the JSON attributes that describe an image, in the words of its version.

    Parameters
    ----------
    image : ZarrImage
        The image. Each array's scale is that of the first times a power of 2, and
        its pixels are centred among those that they are the mean of.

    Returns
    -------
    dict
        Of the group.
    """
    axes = [
        {"name": axis, "type": _SPACE_AND_TIME[axis]}
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
