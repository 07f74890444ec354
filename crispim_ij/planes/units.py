"""Units of length and time: what ImageJ, OME-XML, OME-Zarr and TIFF call them, and what we do."""

from __future__ import annotations

METRES = {"Å": 1e-10, "nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "inch": 0.0254}
"""Lengths in metres, by the names that `Metadata.unit` has."""

SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "min": 60.0, "h": 3600.0}

OME_ZARR = {
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "inch",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "µs",
    "minute": "min",
    "hour": "h",
}
"""From the names of UDUNITS-2, which OME-Zarr uses."""

TIFF = {2: "inch", 3: "cm"}
"""From the tag ResolutionUnit, which counts pixels per unit."""

_MICROMETRES = {"um", "micron", "microns", "µm", "μm", "micrometer", "micrometre"}
_NONE = {"", "pixel", "pixels"}


def length_unit(name: str) -> str | None:
    """Return our name of a unit of length in ImageJ's or OME's words, None for pixels."""
    if name.lower() in _NONE:
        return None
    return "µm" if name.lower() in _MICROMETRES else name
