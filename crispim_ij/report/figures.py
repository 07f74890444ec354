"""Figures for a paper or a talk, drawn by Matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.evaluation import MethodBias
from crispim_ij.report.content import Experiment, ExperimentFiles
from crispim_ij.report.numbers import MINUS
from crispim_ij.report.pictures import Picture, PlanePictures
from crispim_ij.report.plots import (
    MethodBox,
    Scale,
    bias_scale,
    facets_of,
    method_biases,
    method_boxes,
    symmetric_log,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_INK, _FAINT, _ACCENT, _FILL = "#1c1f23", "#565e67", "#0b57a4", "#dbe7f3"
_ABOVE_BOXES = 5
_GRID: dict[str, Any] = {"color": "#d9dde1", "linewidth": 0.5}
_STYLE: dict[Any, Any] = {
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "text.parse_math": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "crispim-ij",
}
# No dates, and no version of Matplotlib: equal figures give equal files.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def write_figures(
    experiment: Experiment,
    shown: Sequence[PlanePictures],
    names: ExperimentFiles,
    folder: Path,
) -> None:
    """Draw an experiment's box plots, pictures and biases, each as PNG, SVG and PDF."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        _save(_boxes(experiment), folder / names.boxes)
        _save(_bias(experiment), folder / names.bias)
        if shown:
            _save(_panels(shown), folder / names.panels)


def _save(figure: Figure, path: Path) -> None:
    """Write a figure in each format."""
    figure.draw_without_rendering()
    # Is settled now, and costs more than the drawing; with 'none', all would be drawn twice.
    figure.set_layout_engine(None)
    for kind, metadata in _METADATA.items():
        figure.savefig(
            path.with_name(f"{path.name}.{kind}"), format=kind, dpi=150, metadata=metadata
        )


def _boxes(experiment: Experiment) -> Figure:
    """Draw the spread of each metric over the planes."""
    from matplotlib.figure import Figure

    facets = [(facet.title, method_boxes(experiment, facet)) for facet in facets_of(experiment)]
    methods = [one.method for one in facets[0][1]]
    figure = Figure(figsize=(11, 0.7 + 0.34 * len(methods)), layout="constrained")
    grid = figure.subplots(1, len(facets), sharey=True)
    for axes, (title, boxes) in zip(grid, facets, strict=True):
        _draw_boxes(axes, boxes)
        axes.set_title(title, color=_INK)
    grid[0].set_yticks(range(len(methods)), methods)
    grid[0].invert_yaxis()
    if experiment.published:
        figure.supxlabel("diamonds: the paper's means", color=_FAINT, fontsize=8)
    return figure


def _draw_boxes(axes: Axes, boxes: Sequence[MethodBox]) -> None:
    """Draw one metric: a box and the planes of each method, and the paper's mean."""
    for k, one in enumerate(boxes):
        if one.published is not None:
            axes.plot(
                one.published,
                *(k - 0.16, "D"),
                mfc="white",
                mec=_INK,
                mew=0.8,
                markersize=4.5,
                zorder=_ABOVE_BOXES,
            )
        if one.box is None:
            continue
        axes.bxp(
            [one.box],
            positions=[k - 0.16],
            widths=0.3,
            orientation="horizontal",
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": _FILL, "edgecolor": _ACCENT, "linewidth": 0.8},
            medianprops={"color": _ACCENT, "linewidth": 1.6},
            whiskerprops={"color": _ACCENT, "linewidth": 0.8},
            showcaps=False,
        )
        spread = [k + 0.24 + 0.05 * (index % 5 - 2) for index in range(len(one.points))]
        axes.plot(one.values, spread, ".", color=_INK, alpha=0.55, markersize=3.5, mew=0)
    axes.grid(axis="x", **_GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)


def _bias(experiment: Experiment) -> Figure:
    """Draw each method's mean error by brightness, all on one scale."""
    from matplotlib.figure import Figure

    methods = method_biases(experiment)
    columns = min(4, len(methods))
    rows = math.ceil(len(methods) / columns)
    figure = Figure(figsize=(2.6 * columns + 0.4, 1.9 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    scale = bias_scale(experiment.evaluation.biases, (0, 1))
    for axes, (method, biases) in zip(grid, methods, strict=False):
        _draw_bias(axes, biases, scale)
        axes.set_title(method, color=_INK)
    for axes in grid[max(len(methods) - columns, 0) : len(methods)]:  # the lowest of each column
        axes.tick_params(labelbottom=True)
    for axes in grid[len(methods) :]:
        axes.remove()
    figure.supxlabel("tenth of the pixels, from dark to bright", color=_FAINT, fontsize=9)
    figure.supylabel("mean error (counts)", color=_FAINT, fontsize=9)
    return figure


def _draw_bias(axes: Axes, biases: Sequence[MethodBias], scale: Scale) -> None:
    """Draw one method."""
    axes.axhline(0, color=_FAINT, linewidth=0.8)
    errors = [symmetric_log(one.error) for one in biases]
    axes.plot([one.decile for one in biases], errors, ".-", color=_ACCENT, lw=1.2)
    axes.set(xticks=[one.decile for one in biases], ylim=scale.span)
    axes.set_yticks(scale.ticks, scale.labels)
    axes.grid(axis="y", **_GRID)
    axes.tick_params(length=0)


def _panels(shown: Sequence[PlanePictures]) -> Figure:
    """Draw planes below each other, as each method left them and what error is left."""
    from matplotlib.figure import Figure

    columns = max(len(one.pictures) for one in shown)
    figure = Figure(figsize=(1.75 * columns + 1.1, 4.2 * len(shown)), layout="constrained")
    parts = figure.subfigures(len(shown), 1, squeeze=False)[:, 0]
    for part, plane in zip(parts, shown, strict=True):
        part.suptitle(plane.caption, color=_FAINT, fontsize=8)
        grid = part.subplots(2, columns, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        images = [
            _draw(above, below, one, plane)
            for above, below, one in zip(*grid, plane.pictures, strict=False)
        ]
        bars = (
            (grid[0], images[-1][0], "counts"),
            (grid[1], images[-1][1], f"result {MINUS} clean (counts)"),
        )
        for axes, image, label in bars:
            part.colorbar(image, ax=axes, label=label, shrink=0.85, pad=0.01)
    return figure


def _draw(
    above: Axes, below: Axes, one: Picture, plane: PlanePictures
) -> tuple[AxesImage, AxesImage]:
    """Draw one picture and its error."""
    low, high = plane.limits
    image = above.imshow(one.counts, cmap="gray", vmin=low, vmax=high, interpolation="none")
    figure = "" if one.psnr is None else f"\n{one.psnr:.2f} dB"
    above.set_title(f"{one.name}{figure}", color=_INK)
    # The clean picture has no error, and gives its place to nothing.
    error = one.error if one.error is not None else [[math.nan]]
    limit = plane.error_limit
    drawn = below.imshow(error, cmap="gray", vmin=-limit, vmax=limit, interpolation="none")
    return image, drawn
