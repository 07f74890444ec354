"""What ImageJ keeps in a TIFF: the lines of the description, and the private tag.

ImageJ keeps a stack's sizes, unit and display range as ``key=value`` lines of
the ImageDescription tag, and text, LUTs and regions in the tags 50838 and 50839.
tifffile writes these only with its option `imagej`, which drops lines that it
doesn't know; so the lines are edited here and everything else in them stays.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.planes.units import Size, resolution, unit_symbol

Fields = dict[str, str]
Rational = tuple[int, int]

_STACK_KEYS = {"images", "channels", "slices", "frames", "hyperstack", "mode", "loop", "fps"}
_COUNTS = {"C": "channels", "Z": "slices", "T": "frames"}
_REGIONS = ("ROI", "Overlays", "Plot")
_AXIS_UNITS = {"X": ("unit",), "Y": ("yunit", "unit"), "Z": ("zunit", "unit"), "T": ("tunit",)}


def parse(description: str) -> Fields:
    """Return the lines ``key=value`` of a description in their order."""
    pairs = (line.partition("=") for line in description.strip("\0").splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def join(fields: Fields) -> str:
    """Return a description made of lines ``key=value``."""
    return "".join(f"{key}={value}\n" for key, value in fields.items())


def number(fields: Fields, key: str) -> float | None:
    """Return a line's value as a number, None where there is none."""
    try:
        value = float(fields[key])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _count(fields: Fields, key: str) -> int:
    """Return a line's value as a count, 1 where there is none."""
    return max(1, int(number(fields, key) or 1))


def unit(fields: Fields, axis: str = "X") -> str | None:
    """Return the unit along an axis, None for pixels; ImageJ takes seconds where none is named."""
    found = (fields[key] for key in _AXIS_UNITS[axis] if fields.get(key))
    text = next(found, "sec" if axis == "T" else "")
    return unit_symbol(re.sub(r"\\u([0-9A-Fa-f]{4})", lambda m: chr(int(m[1], 16)), text))


def calibration(
    steps: Mapping[str, Size], origin: Mapping[str, float]
) -> tuple[Fields, tuple[Rational, Rational] | None]:
    """Return lines and resolution tags that say how large pixels, slices and frames are.

    ImageJ knows no size that isn't known: it is 1 of the unit 'pixel'. What can be is in the unit
    of X, since few readers know of `yunit` and `zunit`.
    """
    unit_name = steps["X"].unit if "X" in steps else None
    lines = {"ImageJ": "1.53q", "unit": _escaped(unit_name)}
    values = {}
    for axis in "XYZ":
        step = steps.get(axis, Size(1.0, None))
        values[axis] = step.within(unit_name)
        if values[axis] is None:
            lines[_AXIS_UNITS[axis][0]] = _escaped(step.unit)
            values[axis] = step.value
    if "Z" in steps:
        lines["spacing"] = str(values["Z"])
    # Without a line for the unit ImageJ takes seconds.
    if "T" in steps and (time_unit := steps["T"].unit) is not None:
        lines |= {"finterval": str(steps["T"].value)}
        lines |= {} if time_unit == "s" else {"tunit": _escaped(time_unit)}
    for axis, place in origin.items():
        if axis in "XYZ" and place:
            step = steps.get(axis, Size(1.0, None))
            lines[f"{axis.lower()}origin"] = str(-place / step.value)
    if not {"X", "Y"} & set(steps):
        return lines, None
    return lines, (resolution(values["X"] or 1.0), resolution(values["Y"] or 1.0))


def origin_of(fields: Fields, steps: Mapping[str, Size]) -> dict[str, float]:
    """Return where the first pixel lies along each axis, in the unit of its step."""
    found = {axis: number(fields, f"{axis.lower()}origin") for axis in "XYZ"}
    return {
        axis: -value * (steps[axis].value if axis in steps else 1.0)
        for axis, value in found.items()
        if value
    }


def with_interval(fields: Fields, step: Size | None) -> Fields:
    """Return lines with another time between frames, or none; its unit is the one they name."""
    rest = {key: value for key, value in fields.items() if key not in ("finterval", "tunit")}
    if step is None or "finterval" not in fields:
        return rest
    return fields | {"finterval": str(step.value)}


def without_unit_of_x(fields: Fields) -> Fields:
    """Return lines that give pixels no unit, and slices the one that they had."""
    rest = {key: value for key, value in fields.items() if key not in ("yunit", "zunit")}
    depth = {"zunit": fields.get("zunit") or fields["unit"]} if "spacing" in fields else {}
    return {**rest, "unit": "pixel", **depth}


def _escaped(unit_name: str | None) -> str:
    """Return a unit as ImageJ writes it."""
    text = unit_name or "pixel"
    return "".join(c if 0x20 <= ord(c) < 0x7F else f"\\u{ord(c):04X}" for c in text)


def stack_axes(fields: Fields, planes: int) -> tuple[str, tuple[int, ...]]:
    """Return the axes along which so many planes run, slowest first, and their lengths."""
    fastest_first = fields.get("order", "czt").upper()
    if sorted(fastest_first) != ["C", "T", "Z"]:
        fastest_first = "CZT"
    axes = fastest_first[::-1]
    sizes = tuple(_count(fields, _COUNTS[axis]) for axis in axes)
    if math.prod(sizes) != planes:
        return "Z", (planes,)
    return axes, sizes


def as_stack(fields: Fields, planes: int) -> Fields:
    """Return one plane's lines as those of a stack of such planes along Z."""
    kept = {key: value for key, value in fields.items() if key not in _STACK_KEYS}
    version = {"ImageJ": kept.pop("ImageJ", "1.53q")}
    return {**version, "images": str(planes), "slices": str(planes), **kept, "loop": "false"}


def as_hyperstack(fields: Fields, sizes: Mapping[str, int]) -> Fields:
    """Return one plane's lines as those of a hyperstack; its display range is of one channel."""
    alone = _STACK_KEYS if sizes.get("C", 1) == 1 else {*_STACK_KEYS, "min", "max"}
    kept = {key: value for key, value in fields.items() if key not in alone}
    mode = {"mode": "composite"} if sizes.get("C", 1) > 1 else {}
    return {**hyperstack(sizes, kept), **mode, "loop": "false"}


def of_plane(
    fields: Fields,
    private: Mapping[str, Any],
    index: int,
    along: tuple[str, tuple[int, ...]],
) -> tuple[Fields, dict[str, Any], NDArray[np.uint16] | None]:
    """Return a stack's lines, private tag and LUT as those of one of its planes alone."""
    axes, sizes = along
    places = dict(zip(axes, ([int(k)] for k in np.unravel_index(index, sizes)), strict=True))
    lines, kept, colormap = selected(fields, private, places, [index])
    return {k: v for k, v in lines.items() if k not in _STACK_KEYS}, kept, colormap


def selected(
    fields: Fields,
    private: Mapping[str, Any],
    places: Mapping[str, Sequence[int]],
    indices: Sequence[int],
) -> tuple[Fields, dict[str, Any], NDArray[np.uint16] | None]:
    """Return a stack's lines, private tag and LUT as those of some of its planes.

    Regions are left out: they may lie on other planes.
    """
    channels = places.get("C", [0])
    lines = hyperstack({axis: len(kept) for axis, kept in places.items()}, fields)
    left_out = {*_REGIONS, "Labels", "Ranges", "LUTs"}
    kept = {key: value for key, value in private.items() if key not in left_out}
    labels, ranges, luts = (_listed(private.get(key)) for key in ("Labels", "Ranges", "LUTs"))
    if len(labels) > max(indices):
        kept["Labels"] = [labels[k] for k in indices]
    if len(ranges) > 2 * max(channels) + 1:
        kept["Ranges"] = tuple(v for k in channels for v in ranges[2 * k : 2 * k + 2])
        lines["min"], lines["max"] = (str(v) for v in kept["Ranges"][:2])
    colormap = None
    if len(luts) > max(channels):
        kept["LUTs"] = [luts[k] for k in channels]
        # ImageJ's LUTs have 8 bits, the ColorMap tag 16.
        colormap = luts[channels[0]].astype(np.uint16) * 257
    if len(channels) == 1:
        lines.pop("mode", None)
        kept.pop("Ranges", None)
        kept.pop("LUTs", None)
    return lines, kept, colormap if len(channels) == 1 else None


def hyperstack(sizes: Mapping[str, int], fields: Fields | None = None) -> Fields:
    """Return a stack's lines, if it has any, with how many channels, slices and frames it has."""
    fields = fields or {}
    rest = {k: v for k, v in fields.items() if k not in {"images", *_COUNTS.values()}}
    counts = {"images": str(math.prod(sizes.values()))}
    counts |= {word: str(sizes[axis]) for axis, word in _COUNTS.items() if sizes.get(axis, 1) > 1}
    rest.pop("hyperstack", None)
    if len(counts) > 2:
        counts["hyperstack"] = "true"
    return {"ImageJ": rest.pop("ImageJ", "1.53q"), **counts, **rest}


def _listed(value: Any) -> list[Any]:
    """Return what tifffile gives as a list, as one item, or not at all, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def written_description(
    description: str,
    planes: int,
    scale: tuple[float, float],
    old: np.dtype[Any],
    new: np.dtype[Any],
) -> str:
    """Return the description of a file with so many planes, larger pixels or another dtype."""
    fields = parse(description)
    if planes > 1 and (
        _count(fields, "images") != planes or math.prod(stack_axes(fields, planes)[1]) != planes
    ):
        fields = as_stack(fields, planes)
    for key, grown in zip(("yorigin", "xorigin"), scale, strict=True):
        origin = number(fields, key)
        if origin is not None and grown != 1:
            fields[key] = str(origin / grown)
    # An 8-bit image without a range shows 0-255; a float one shows what it finds.
    if old == np.uint8 and new != old and "max" not in fields:
        fields |= {"min": "0.0", "max": "255.0"}
    return join(fields)


def private_tags(private: Mapping[str, Any], *, resized: bool) -> list[tuple[Any, ...]]:
    """Return ImageJ's private tags for `TiffWriter.write`; resized images lose their regions."""
    left_out = _REGIONS if resized else ()
    kept = {key: value for key, value in private.items() if key not in left_out}
    if "Ranges" in kept:
        # Older tifffile takes a list of numbers for a list of entries.
        kept["Ranges"] = np.asarray(kept["Ranges"], np.float64)
    byteorder: Any = "<" if sys.byteorder == "little" else ">"
    return list(tifffile.imagej_metadata_tag(kept, byteorder))
