"""Sizes that microscopes write into tags of their own, as tifffile reads these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile

from crispim_ij.planes.tiff_series import said_by_scanimage
from crispim_ij.planes.units import Size, known_size, unit_symbol

MICRO_MANAGERS_TAG = 51123
"""In which Micro-Manager describes a plane."""

# Which say a distance of 0 where they know none.
_MICRO_MANAGERS = {
    "X": ("PixelSizeUm", "PixelSize_um"),
    "Y": ("PixelSizeUm", "PixelSize_um"),
    "Z": ("z-step_um",),
    "T": ("Interval_ms",),
}
_SAME = 1e-6

Steps = dict[str, Size]


def vendor_steps(tif: tifffile.TiffFile) -> Steps:
    """Return the sizes in a vendor's own tags, without those that aren't known."""
    page = tif.pages.first
    if page.is_stk:
        found = _metamorphs(tif.stk_metadata or {})
    elif page.is_lsm:
        found = _zeiss(tif.lsm_metadata or {})
    elif page.is_micromanager:
        found = _micro_managers(tif)
    elif page.is_fluoview:
        found = _fluoviews(tif.fluoview_metadata or {})
    elif page.is_scanimage:
        found = _scanimages(page, said_by_scanimage(tif))
    elif page.is_sis:
        said = tif.sis_metadata or {}
        found = {axis: (said.get(f"pixelsize{axis.lower()}"), "m") for axis in "XY"}
    else:
        return {}
    sizes = {axis: _size(value, unit) for axis, (value, unit) in found.items()}
    return {axis: size for axis, size in sizes.items() if size is not None}


def _size(value: Any, unit: str | None) -> Size | None:
    """Return a size as people write it: metres as µm."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    size = known_size(float(value), unit) if is_number else None
    micrometres = size.within("µm") if size and unit == "m" else None
    return size if micrometres is None else Size(micrometres, "µm")


_Found = Mapping[str, tuple[Any, str | None]]


def _metamorphs(said: Mapping[str, Any]) -> _Found:
    found = {"Z": (_metamorphs_distance(said), "µm")}
    unit = unit_symbol(str(said.get("CalibrationUnits", "")).strip("\0"))
    if said.get("SpatialCalibration") and unit is not None:
        return found | {axis: (said.get(f"{axis}Calibration"), unit) for axis in "XY"}
    return found


def _metamorphs_distance(said: Mapping[str, Any]) -> float | None:
    """Return the distance of MetaMorph's planes, None where what it says can mean several.

    Programs write for each plane how far it is from the one before, or from the first.
    """
    places = np.asarray(said.get("ZDistance", ()), np.float64).reshape(-1)
    waves = np.asarray(said.get("Wavelengths", ())).reshape(-1)
    if len(waves) == len(places):
        places = places[waves == waves[:1]]
    if len(places) < 2 or not np.isfinite(places).all():
        return None
    rows = [row for row in (places[1:], np.diff(places)) if row.any()]
    means = {float(row[0]) for row in rows if np.ptp(row) <= _SAME * abs(row[0])}
    return abs(means.pop()) if len(means) == 1 else None


def _zeiss(said: Mapping[str, Any]) -> _Found:
    found = {axis: (said.get(f"VoxelSize{axis}"), "m") for axis in "XYZ"}
    # tifffile keeps the name as the format's description spells it.
    return found | {"T": (said.get("TimeIntervall"), "s")}


def _micro_managers(tif: tifffile.TiffFile) -> _Found:
    plane = tif.pages.first.tags.valueof(MICRO_MANAGERS_TAG)
    head = tifffile.tifffile.read_micromanager_metadata(tif.filehandle, {"Summary"})
    said: dict[str, Any] = {}
    for words in (head.get("Summary"), plane):
        said |= words if isinstance(words, dict) else {}
    values = {
        axis: next((said[key] for key in keys if said.get(key)), None)
        for axis, keys in _MICRO_MANAGERS.items()
    }
    return {axis: (value, "ms" if axis == "T" else "µm") for axis, value in values.items()}


def _fluoviews(said: Mapping[str, Any]) -> _Found:
    return {
        axis: (step, unit_symbol(unit))
        for name, _, _, step, unit in said.get("Dimensions", ())
        if (axis := tifffile.TIFF.MM_DIMENSIONS.get(name.upper())) in ("X", "Y", "Z", "T")
    }


def _scanimages(page: tifffile.TiffPage, said: Mapping[str, Any]) -> _Found:
    """Return the sizes of frames that are the whole field of view, whose corners are in µm."""
    found: dict[str, tuple[Any, str | None]] = {
        "Z": (said.get("SI.hStackManager.stackZStepSize"), "µm")
    }
    corners = np.asarray(said.get("SI.hRoiManager.imagingFovUm"), object)
    frame = said.get("SI.hRoiManager.linesPerFrame"), said.get("SI.hRoiManager.pixelsPerLine")
    are_numbers = all(isinstance(value, (int, float)) for value in corners.ravel())
    whole = (page.imagelength, page.imagewidth)
    if corners.shape == (4, 2) and are_numbers and frame == whole:
        width, height = np.ptp(corners.astype(np.float64), axis=0)
        found |= {"X": (width / page.imagewidth, "µm"), "Y": (height / page.imagelength, "µm")}
    return found
