"""Noisy, denoised and difference beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.atomic import whole_file
from crispim_ij.previewing.one_plane import Looked, Preview
from crispim_ij.report.numbers import shown_counts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = ("noisy", "denoised", "difference")

_GAP = 8
_WHITE = 255
_SIDE = 800
_DEVIATIONS = 4.0
_MARK = "#ffb000"


@dataclass(frozen=True)
class Scales:
    """Counts that are shown black and white, of planes and of noisy minus denoised.

    The difference is shown to four of its standard deviations on either side of 0.
    """

    counts: tuple[float, float]
    difference: tuple[float, float]


def scales_of(looked: Looked, noisy: NDArray[Any], denoised: NDArray[np.float32]) -> Scales:
    """Choose the greys, the same for a plane and its crop."""
    limit = max(_DEVIATIONS * float(np.std(noisy - denoised)), 1e-6)
    return Scales(looked.limits, (-limit, limit))


def strip(looked: Looked, denoised: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay the crop's three panels side by side, in greys."""
    noisy = looked.plane[looked.crop]
    scales = scales_of(looked, noisy, denoised)
    gap = np.full((len(noisy), _GAP), _WHITE, np.uint8)
    difference = _greys(noisy - denoised, scales.difference)
    parts = [_greys(noisy, scales.counts), gap, _greys(denoised, scales.counts), gap, difference]
    return np.hstack(parts)


def _greys(counts: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Turn counts into greys."""
    share = (np.asarray(counts, np.float64) - limits[0]) / (limits[1] - limits[0])
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def write_picture(preview: Preview, title: str, path: Path) -> None:
    """Draw the plane above its crop as PNG, replaced at once or not at all."""
    import matplotlib as mpl

    with mpl.rc_context({"text.parse_math": False, "font.size": 10}), whole_file(path) as part:
        draw_picture(preview, title).savefig(part, format="png", metadata={"Software": None})


def draw_picture(preview: Preview, title: str) -> Figure:
    """Draw the plane above its crop."""
    from matplotlib.figure import Figure

    looked = preview.looked
    rows, columns = looked.plane.shape
    scales = scales_of(looked, looked.plane, preview.denoised)
    # Each panel is a third of the width; the crop is square.
    height = 3.7 * (rows / columns + 1) + 1.2
    figure = Figure(figsize=(12, height), dpi=110, layout="constrained")
    axes = figure.subplots(2, 3, squeeze=False, height_ratios=(rows / columns, 1))
    _draw(axes[0], looked.plane, preview.denoised, scales, _corner(looked.part))
    place = tuple(
        slice(part.start + crop.start, part.start + crop.stop)
        for part, crop in zip(looked.part, looked.crop, strict=True)
    )
    crop = looked.crop
    _draw(axes[1], looked.plane[crop], preview.denoised[crop], scales, _corner(place))
    _outline(axes, place)
    for one, name in zip(axes[0], _titles(scales), strict=True):
        one.set_title(name)
    figure.suptitle(f"{title}\n")  # an empty line keeps it from the panel's name
    return figure


def _titles(scales: Scales) -> tuple[str, ...]:
    """Name the panels with what is black and white in them."""
    low, high = map(shown_counts, scales.counts)
    limit = shown_counts(scales.difference[1])
    return (
        f"noisy: {low} to {high} counts",
        f"denoised: {low} to {high} counts",
        f"difference: \N{MINUS SIGN}{limit} to {limit} counts",
    )


def _corner(region: tuple[slice, ...]) -> tuple[int, int]:
    return region[0].start, region[1].start


def _draw(
    axes: Any,
    noisy: NDArray[Any],
    denoised: NDArray[np.float32],
    scales: Scales,
    corner: tuple[int, int],
) -> None:
    """Fill a row of panels, labelled in px of the plane."""
    # Every n-th pixel, as a mean of them would hide the noise.
    step = -(-max(noisy.shape) // _SIDE)
    top, left = corner
    rows, columns = noisy.shape
    extent = (left, left + columns, top + rows, top)
    pictures = (noisy, denoised, noisy - denoised)
    limits = (scales.counts, scales.counts, scales.difference)
    for one, counts, (low, high) in zip(axes, pictures, limits, strict=True):
        one.imshow(
            counts[::step, ::step],
            cmap="gray",
            vmin=low,
            vmax=high,
            interpolation="nearest",
            extent=extent,
        )
        one.tick_params(labelsize=7)
    for one in axes[1:]:
        one.set_yticklabels([])


def _outline(axes: Any, place: tuple[slice, ...]) -> None:
    """Show where the crop lies."""
    from matplotlib.patches import Rectangle

    rows, columns = place
    size = columns.stop - columns.start, rows.stop - rows.start
    for plane, crop in zip(*axes, strict=True):
        corner = columns.start, rows.start
        plane.add_patch(Rectangle(corner, *size, fill=False, edgecolor=_MARK, linewidth=1.2))
        crop.spines[:].set_color(_MARK)
