"""Lengths and times: what ImageJ, OME-XML, OME-Zarr and TIFF call their units, and what we do.

A unit has OME's symbol, but for 'inch': 'nm', 'µm', 'min' and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

_PREFIXES = {
    "Y": ("yotta", 24), "Z": ("zetta", 21), "E": ("exa", 18), "P": ("peta", 15),
    "T": ("tera", 12), "G": ("giga", 9), "M": ("mega", 6), "k": ("kilo", 3), "h": ("hecto", 2),
    "da": ("deca", 1), "": ("", 0), "d": ("deci", -1), "c": ("centi", -2), "m": ("milli", -3),
    "µ": ("micro", -6), "n": ("nano", -9), "p": ("pico", -12), "f": ("femto", -15),
    "a": ("atto", -18), "z": ("zepto", -21), "y": ("yocto", -24),
}  # fmt: skip
# Symbol: name in UDUNITS-2, and size in m or s.
_LENGTHS = {f"{p}m": (f"{n}meter", Fraction(10) ** e) for p, (n, e) in _PREFIXES.items()} | {
    "Å": ("angstrom", Fraction(10) ** -10),
    "inch": ("inch", Fraction("0.0254")),
    "thou": ("mil", Fraction("0.0000254")),
    "ft": ("foot", Fraction("0.3048")),
    "yd": ("yard", Fraction("0.9144")),
    "mi": ("mile", Fraction("1609.344")),
}
_TIMES = {f"{p}s": (f"{n}second", Fraction(10) ** e) for p, (n, e) in _PREFIXES.items()} | {
    "min": ("minute", Fraction(60)),
    "h": ("hour", Fraction(3600)),
    "d": ("day", Fraction(86400)),
}
UDUNITS = {symbol: name for symbol, (name, _) in (_LENGTHS | _TIMES).items()}
"""The names that OME-Zarr takes from UDUNITS-2, by our symbols."""

TIFF = {2: "inch", 3: "cm"}
"""Units of the tag ResolutionUnit, which counts pixels per unit."""

_ALIASES = {
    "um": "µm", "micron": "µm", "in": "inch", '"': "inch", "inches": "inch", "feet": "ft",
    "sec": "s", "msec": "ms", "usec": "µs", "us": "µs", "nsec": "ns", "hr": "h",
}  # fmt: skip
_ALIASES |= {name: symbol for symbol, name in UDUNITS.items()}
_ALIASES |= {n.replace("meter", "metre"): s for n, s in _ALIASES.items() if n.endswith("meter")}
# Sizes in these are none that is known.
_NONE = {"", "pixel", "pixels", "voxel", "voxels", "px", "reference frame", "frame", "frames"}


@dataclass(frozen=True)
class Size:
    """A length, or a time, as a file says it."""

    value: float
    # Our symbol, or the file's own word where we don't know it; None where the file names none.
    unit: str | None

    def within(self, unit: str | None) -> float | None:
        """Return the value in another unit, to the last digit; None where that isn't known."""
        if unit == self.unit:
            return self.value
        for kind in (_LENGTHS, _TIMES):
            if self.unit in kind and unit in kind:
                return float(_decimal(self.value) * kind[self.unit][1] / kind[unit][1])
        return None

    def grown(self, factor: float) -> Size:
        """Return what is some times as large."""
        return replace(self, value=float(_decimal(self.value) * _decimal(factor)))


def _decimal(value: float) -> Fraction:
    """Return exactly the decimal number that was written, to which the float is the nearest."""
    return Fraction(repr(float(value)))


def known_size(value: float | None, unit: str | None) -> Size | None:
    """Return a size, None where none is known: what isn't positive, or 1 of no unit.

    1 is what stands where a format asks for a size and nothing is known of it.
    """
    if value is None or not 0 < value < float("inf") or (value == 1 and unit is None):
        return None
    return Size(value, unit)


def stride(places: Sequence[int]) -> int | None:
    """Return how many steps places lie apart, None where these differ."""
    apart = {b - a for a, b in pairwise(places)} or {1}
    return apart.pop() if len(apart) == 1 else None


def unit_symbol(name: str) -> str | None:
    """Return our symbol of a unit in ImageJ's, OME's or OME-Zarr's words.

    None for pixels; a word that we don't know stays as it is.
    """
    # Unicode has two of µ and of Å.
    text = name.strip().replace("\u03bc", "µ").replace("\u212b", "Å")
    if text in UDUNITS:
        return text
    word = text.casefold().replace("\u03bc", "µ")
    if word in _NONE:
        return None
    for spelt in (word, word.removesuffix("s")):
        if spelt in _ALIASES:
            return _ALIASES[spelt]
    return text


def resolution(pixel: float) -> tuple[int, int]:
    """Return pixels per unit as TIFF has them: the quotient of two 32-bit integers.

    From it a size of up to nine digits can be read again as it was.
    """
    most = 2**32 - 1
    exact = min(max(1 / _decimal(pixel), Fraction(1, most)), Fraction(most))
    if max(exact.numerator, exact.denominator) > most:
        exact = exact.limit_denominator(most if exact < 1 else int(most / exact))
    return exact.numerator, exact.denominator
