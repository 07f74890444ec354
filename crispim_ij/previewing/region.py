"""The part of a plane that is looked at, and the counts that are shown black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.pipeline import windows
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source
from crispim_ij.planes.metadata import display_ranges
from crispim_ij.report.display import best_place

LONGEST = 2048
"""Side, in px, of what is read of a larger plane."""

CROP = 256
"""Side, in px, of the crop that is shown enlarged."""

_GRID = 16  # a multiple of every network's stride
_FINE, _COARSE = 3, 17  # sides, in px, between which detail lies
_STEP = 0.25  # of the display range: detail beyond counts no more
_USED = 0.05  # a display range of which less is used shows nothing

Region = tuple[slice, slice]


@dataclass(frozen=True)
class Crop:
    """A square of a plane: its first row and column, from 0, and its side, all in px."""

    y: int
    x: int
    size: int


def parse_crop(text: str) -> Crop:
    """Read ``Y:X:SIZE``: first row and column from 0, and the side, in px."""
    try:
        y, x, size = (int(number) for number in text.split(":"))
    except ValueError:
        y, x, size = 0, 0, 0
    if min(y, x) < 0 or size < 1:
        raise CrispimError(
            f"The crop {text!r} (--crop) is not of the form Y:X:SIZE: write for example "
            "400:800:256 for the 256 px below row 400 and right of column 800."
        )
    return Crop(y, x, size)


def choose_part(shape: tuple[int, int], crop: Crop | None) -> Region:
    """Choose what is read of a plane: all of it, or of a large one the crop's surroundings.

    `LONGEST` px and less than 16 more, beginning on the grid of every network; around the plane's
    middle where there is no crop. CrispimError if the crop is larger, or reaches beyond the plane.
    """
    if crop is not None:
        if crop.y + crop.size > shape[0] or crop.x + crop.size > shape[1]:
            raise CrispimError(
                f"The crop {crop.y}:{crop.x}:{crop.size} (--crop) reaches beyond the plane of "
                f"{shape[0]} rows and {shape[1]} columns: choose one within it."
            )
        if crop.size > LONGEST - _GRID:
            raise CrispimError(
                f"The crop of {crop.size} px (--crop) is too large for a preview: choose at most "
                f"{LONGEST - _GRID} px."
            )
    middles = [side // 2 for side in shape]
    if crop is not None:
        middles = [start + crop.size // 2 for start in (crop.y, crop.x)]
    rows, columns = (_around(middle, side) for middle, side in zip(middles, shape, strict=True))
    return rows, columns


def _around(middle: int, side: int) -> slice:
    """Return about `LONGEST` px of a side around its middle."""
    start = max(0, min(middle - LONGEST // 2, side - LONGEST))
    return slice(start // _GRID * _GRID, min(start + LONGEST, side))


def best_crop(plane: NDArray[Any], limits: tuple[float, float]) -> Region:
    """Find the square of at most `CROP` px of a plane that has most detail.

    There what is neither noise nor slow in space varies most, of what `limits` show.
    """
    from scipy.ndimage import uniform_filter

    counts = np.clip(plane, *limits).astype(np.float32)
    detail = uniform_filter(counts, _FINE) - uniform_filter(counts, _COARSE)
    # The edge of the tissue, too, is a large step; fine structure is what is looked for.
    span = _STEP * (limits[1] - limits[0])
    return best_place(detail, (-span, span), CROP)


def read_part(source: Source, index: int, part: Region, depth: int) -> NDArray[Any]:
    """Read a part of a plane and of its neighbours, (depth, Y, X), the plane at ``depth // 2``."""
    (planes,) = windows(source, depth, [index], lambda k: source.read_region(k, *part))
    return np.stack(planes)


def check_plane(source: Source, index: int | None) -> int:
    """Return the number of the plane that is meant, the middle one for None."""
    if index is None:
        return len(source) // 2
    if not 0 <= index < len(source):
        raise CrispimError(
            f"'{source.path}' has {len(source)} planes, so plane {index} (--plane) is not there: "
            f"choose one from 0 to {len(source) - 1}."
        )
    return index


def display_limits(source: Source, index: int, plane: NDArray[Any]) -> tuple[float, float]:
    """Return the counts that are shown black and white.

    They are the display range that the file has, as ImageJ and OME keep it, where the plane
    uses at least a twentieth of it; otherwise the plane's 0.1 and 99.8 percentiles.
    """
    low, high = (float(value) for value in np.percentile(plane, (0.1, 99.8)))
    stored = _stored_range(source, index)
    if stored is not None:
        used = min(high, stored[1]) - max(low, stored[0])
        if used >= _USED * (stored[1] - stored[0]):
            return stored
    return (low, high) if low < high else (low, low + 1)


def _stored_range(source: Source, index: int) -> tuple[float, float] | None:
    """Return the display range of a plane's channel where the file has one."""
    metadata = source.metadata
    ranges = display_ranges(metadata)
    place = dict(zip(metadata.axes, np.unravel_index(index, metadata.sizes), strict=True))
    number = int(place.get("C", 0))
    stored = ranges[number] if number < len(ranges) else None
    return stored if stored is not None and stored[0] < stored[1] else None
