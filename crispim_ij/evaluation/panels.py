"""One picture a method: clean, noisy, denoised and what is left of the error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.evaluate import Evaluated, Row
from crispim_ij.evaluation.metrics import psnr
from crispim_ij.planes.atomic import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Display = tuple[float, float] | None

_CROP = 256  # the paper's pictures show this many pixels
_PAPER = (0.0, 500.0)
_INK, _FAINT = "#1f2328", "#59636e"

DISPLAYS = "auto|paper|LOW:HIGH"
"""What `parse_display` reads."""


def parse_display(text: str) -> Display:
    """Read a display range.

    Parameters
    ----------
    text : str
        ``auto``, ``paper`` (0 to 500 counts) or two numbers such as ``100:800``.

    Returns
    -------
    tuple of float or None
        Lowest and highest count; None for a range that fits the data.

    Raises
    ------
    CrispimError
        If the text is none of these.
    """
    if text == "auto":
        return None
    if text == "paper":
        return _PAPER
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise CrispimError(
            f"The display range {text!r} (--display) is none of {DISPLAYS}: write for example "
            "auto, paper or 100:800."
        )
    return low, high


def display_range(clean: NDArray[Any], display: Display) -> tuple[float, float]:
    """Return the counts that are shown black and white.

    Parameters
    ----------
    clean : ndarray, shape (Y, X)
        Counts.
    display : tuple of float or None
        A range, or None for one that fits the plane: its 0.1 and 99 percentiles with a
        tenth of their span on either side for noise.

    Returns
    -------
    tuple of float
        Lowest and highest count.
    """
    if display is not None:
        return display
    low, high = (float(value) for value in np.percentile(clean, (0.1, 99.0)))
    margin = max(0.1 * (high - low), 0.5)
    return max(low - margin, min(low, 0.0)), high + margin


def best_place(
    clean: NDArray[Any], limits: tuple[float, float], side: int = _CROP
) -> tuple[slice, slice]:
    """Find the square of a plane where most is to be seen.

    Parameters
    ----------
    clean : ndarray, shape (Y, X)
        Counts.
    limits : tuple of float
        Counts beyond these are shown alike, so they count alike.
    side : int
        The square's side in px, cut down to the plane's shorter side.

    Returns
    -------
    tuple of slice
        Rows and columns of the square whose visible counts vary most.
    """
    shown = np.clip(clean, *limits).astype(np.float64)
    side = min(side, *shown.shape)
    windows = np.lib.stride_tricks.sliding_window_view(shown, (side, side))
    step = max(side // 8, 1)
    spread = windows[::step, ::step].std(axis=(2, 3))
    row, column = (int(k) * step for k in np.unravel_index(spread.argmax(), spread.shape))
    return slice(row, row + side), slice(column, column + side)


def write_panel(plane: Evaluated, method: str, display: Display, path: Path) -> None:
    """Draw clean, noisy, denoised and difference side by side, as PNG.

    Parameters
    ----------
    plane : Evaluated
        One plane with its results.
    method : str
        Whose result is drawn.
    display : tuple of float or None
        As `display_range` takes it.
    path : Path
        The file, replaced at once or not at all.

    Raises
    ------
    CrispimError
        If it can't be written.
    """
    figure = _figure(plane, method, display)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=150, facecolor="white")


def _figure(plane: Evaluated, method: str, display: Display) -> Figure:
    """Return the picture of one method's result."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    row = next(row for row in plane.rows if row.method == method)
    result = plane.results[method]
    limits = display_range(plane.clean, display)
    place = best_place(plane.clean, limits)
    pictures = [("clean", "", plane.clean)]
    if plane.noisy is not None and plane.noisy is not result:
        pictures.append(("noisy", f"{psnr(plane.clean, plane.noisy):.2f} dB", plane.noisy))
    pictures.append((method, f"{row.psnr:.2f} dB", result))

    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05, wspace=0.02)
    figure = Figure(figsize=(3.0 * len(pictures) + 4.6, 3.65), layout=layout)
    figure.suptitle(_headline(row, place), color=_FAINT, fontsize=10)
    axes = figure.subplots(1, len(pictures) + 1)
    for axis, (title, below, picture) in zip(axes, pictures, strict=False):
        image = axis.imshow(picture[place], cmap="gray", vmin=limits[0], vmax=limits[1])
        _label(axis, title, below)
    _bar(figure, image, axes[len(pictures) - 1], "counts")
    image = _draw_difference(axes[-1], plane, result, place)
    _label(axes[-1], f"{method} minus clean", f"RMSE {row.rmse:.1f} counts")
    _bar(figure, image, axes[-1], "difference (counts)")
    return figure


def _draw_difference(
    axis: Axes, plane: Evaluated, result: NDArray[Any], place: tuple[slice, slice]
) -> AxesImage:
    """Show the error, on a scale that is set by the noise and so the same for all methods."""
    clean = plane.clean.astype(np.float64)
    before = clean if plane.noisy is None else plane.noisy
    scale = 3 * float(np.std(before - clean)) or 3 * float(np.std(result - clean)) or 1.0
    return axis.imshow((result - clean)[place], cmap="RdBu_r", vmin=-scale, vmax=scale)


def _bar(figure: Figure, image: AxesImage, axis: Axes, label: str) -> None:
    """Add a colour bar to the right of a picture."""
    bar = figure.colorbar(image, cax=axis.inset_axes((1.03, 0, 0.045, 1)))
    bar.set_label(label, color=_FAINT, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=_FAINT, length=2)
    bar.outline.set_linewidth(0.5)


def _label(axis: Axes, title: str, below: str) -> None:
    """Name a picture and take away its ticks."""
    axis.set_title(title, color=_INK, fontsize=11, fontweight="bold")
    axis.set_xlabel(below or " ", color=_FAINT, fontsize=9)
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _headline(row: Row, place: tuple[slice, slice]) -> str:
    """Return which part of which plane is shown, and what its noise is."""
    rows, columns = place
    noise = "" if row.sd is None else f", noise of sd {row.sd}"
    return (
        f"{row.plane}, x {columns.start}-{columns.stop}, y {rows.start}-{rows.stop} px{noise}; "
        "PSNR over the whole plane"
    )
