"""An OME-Zarr's description in ImageJ's words, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from crispim_ij.planes import imagej_tags, ome
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.ome_zarr.attributes import ZarrImage

_UNITS = {
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "inch",
}
_METRES = {"Å": 1e-10, "nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "inch": 0.0254}
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "microsecond": 1e-6, "minute": 60.0, "hour": 3600.0}
_COLOURS = ("FFFFFF", "FF0000", "00FF00", "0000FF", "FF00FF", "00FFFF", "FFFF00")


def to_metadata(image: ZarrImage, level: int, shape: Mapping[str, int]) -> Metadata:
    """Return what is known of an OME-Zarr's planes, as of an ImageJ hyperstack.

    Parameters
    ----------
    image : ZarrImage
        Its attributes.
    level : int
        Which of its arrays.
    shape : mapping of str to int
        The array's length along each axis.

    Returns
    -------
    Metadata
        With the planes along T, Z and C, C fastest, as ImageJ has them.
    """
    axes = "".join(axis for axis in "TZC" if axis.lower() in shape) or "Z"
    sizes = {axis: shape.get(axis.lower(), 1) for axis in axes}
    scale = dict(zip(image.axes, image.scales[level], strict=True))
    unit = _UNITS.get(image.units.get("x", ""))
    steps = {axis: scale[axis] * _ratio(image, axis) for axis in "zyx" if axis in scale}
    second = _SECONDS.get(image.units.get("t", ""))
    interval = scale["t"] * second if "t" in scale and second else None
    ranges = _windows(image.omero, sizes.get("C", 1))
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
    own, first = (_METRES.get(_UNITS.get(image.units.get(name, ""), "")) for name in (axis, "x"))
    return own / first if own and first else 1.0


def _windows(omero: Mapping[str, Any], channels: int) -> tuple[float, ...]:
    """Return the display range of each channel, nothing where one is missing."""
    windows = [entry.get("window") for entry in omero.get("channels", ())]
    known = [window for window in windows if isinstance(window, dict)]
    ranges = [window.get(end) for window in known for end in ("start", "end")]
    numbers = [float(value) for value in ranges if isinstance(value, (int, float))]
    return tuple(numbers) if len(numbers) == 2 * channels else ()


def to_image(
    metadata: Metadata,
    scale: tuple[float, float],
    levels: int,
    name: str,
    version: str,
) -> ZarrImage:
    """Return the attributes of an OME-Zarr that holds the planes of a source.

    Parameters
    ----------
    metadata : Metadata
        Of the source.
    scale : tuple of float
        Factors by which pixels have grown in Y and X.
    levels : int
        How many resolutions are written, each half the one before in Y and X.
    name : str
        The image's name.
    version : {'0.4', '0.5'}
        Of OME-NGFF.

    Returns
    -------
    ZarrImage
        The attributes.
    """
    axes = "".join(axis for axis in "tcz" if axis.upper() in metadata.axes) + "yx"
    names = {short: long for long, short in _UNITS.items()}
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
        omero=metadata.omero or _omero(metadata),
        name=name,
    )


def _omero(metadata: Metadata) -> Mapping[str, Any]:
    """Return names and display ranges of a TIFF's channels, nothing where it has none."""
    sizes = dict(zip(metadata.axes, metadata.sizes, strict=True))
    count = sizes.get("C", 1)
    names = ome.channel_names(metadata.description or "") if metadata.kind == "ome" else []
    ranges = _tiff_ranges(metadata, count)
    if not ranges and not any(names):
        return {}
    colours = _tiff_colours(metadata, count)
    channels = []
    for k in range(count):
        entry: dict[str, Any] = {"active": True, "color": colours[k]}
        if k < len(names) and names[k]:
            entry["label"] = names[k]
        if ranges:
            low, high = ranges[2 * k : 2 * k + 2]
            entry["window"] = {"min": low, "max": high, "start": low, "end": high}
        channels.append(entry)
    return {"channels": channels}


def _tiff_ranges(metadata: Metadata, channels: int) -> Sequence[float]:
    """Return ImageJ's display range of each channel, nothing where it doesn't say."""
    ranges = [float(value) for value in metadata.imagej.get("Ranges") or ()]
    if len(ranges) >= 2 * channels:
        return ranges[: 2 * channels]
    fields = imagej_tags.parse(metadata.description or "") if metadata.kind == "imagej" else {}
    ends = [imagej_tags.number(fields, key) for key in ("min", "max")]
    return [end for end in ends if end is not None] if channels == 1 and None not in ends else []


def _tiff_colours(metadata: Metadata, channels: int) -> Sequence[str]:
    """Return the colour of each channel's brightest pixels, RRGGBB."""
    luts = metadata.imagej.get("LUTs")
    if isinstance(luts, list) and len(luts) >= channels:
        tops = [np.asarray(lut).reshape(3, -1)[:, -1] for lut in luts[:channels]]
        return ["".join(f"{int(value):02X}" for value in top) for top in tops]
    if channels == 1:
        return _COLOURS[:1]
    return [_COLOURS[1 + k % (len(_COLOURS) - 1)] for k in range(channels)]


def display_range(metadata: Metadata, channel: int) -> tuple[float, float] | None:
    """Return the counts between which a channel is shown, where ImageJ or OME-Zarr says so."""
    channels = metadata.omero.get("channels", ())
    window = channels[channel].get("window", {}) if channel < len(channels) else {}
    if not channels:
        count = dict(zip(metadata.axes, metadata.sizes, strict=True)).get("C", 1)
        ends = _tiff_ranges(metadata, count)[2 * channel : 2 * channel + 2]
        window = dict(zip(("start", "end"), ends, strict=True)) if ends else {}
    match window:
        case {"start": int() | float() as low, "end": int() | float() as high} if low < high:
            return float(low), float(high)
    return None
