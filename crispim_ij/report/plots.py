"""What the plots show, for the page and for the drawn figures alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from crispim_ij.evaluation import MethodBias, PlaneMetrics
from crispim_ij.report.content import Experiment
from crispim_ij.report.numbers import with_minus
from crispim_ij.report.ranking import ranked


@dataclass(frozen=True)
class Facet:
    """A metric whose spread over the planes is drawn.

    Attributes
    ----------
    title : str
        Above its plot.
    field : str
        A figure of `PlaneMetrics`.
    form : str
        How it is written.
    """

    title: str
    field: str
    form: str


PAPERS_FACETS = (
    Facet("PSNR (dB)", "psnr", ".2f"),
    Facet("SSIM", "ssim", ".5f"),
    Facet("PCC", "pcc", ".4f"),
    Facet("Robust SSIM", "robust_ssim", ".4f"),
)
"""The paper's three, and an SSIM that does not saturate."""

PLAIN_FACETS = (
    Facet("RMSE (counts)", "rmse", ".2f"),
    Facet("Robust PSNR (dB)", "robust_psnr", ".2f"),
    Facet("Robust SSIM", "robust_ssim", ".4f"),
    Facet("PCC", "pcc", ".4f"),
)
"""The error in counts, and what is measured at the planes' own range."""


def facets_of(experiment: Experiment) -> tuple[Facet, ...]:
    """Return what is drawn: the paper's metrics where its figures stand beside ours."""
    return PAPERS_FACETS if experiment.published else PLAIN_FACETS


@dataclass(frozen=True)
class MethodBox:
    """One method's planes in one facet.

    Attributes
    ----------
    method : str
        The method's name.
    points : tuple of (int, PlaneMetrics, float)
        Place among the method's planes, plane and value, where the value is finite: equal
        planes have an infinite PSNR.
    box : dict or None
        By Matplotlib's rule: median 'med', quartiles 'q1' and 'q3', and 'whislo' and 'whishi',
        the last values within 1.5 times the box's length of it; None where there is no point.
    published : float or None
        The paper's mean.
    """

    method: str
    points: tuple[tuple[int, PlaneMetrics, float], ...]
    box: dict[str, Any] | None
    published: float | None

    @property
    def values(self) -> list[float]:
        """The points' values."""
        return [value for _, _, value in self.points]


def method_boxes(experiment: Experiment, facet: Facet) -> list[MethodBox]:
    """Return a facet's boxes, the best method first."""
    return [
        _method_box(experiment, facet.field, one.method)
        for one in ranked(experiment.evaluation.rows)
    ]


def _method_box(experiment: Experiment, field: str, method: str) -> MethodBox:
    from matplotlib.cbook import boxplot_stats

    rows = [row for row in experiment.evaluation.rows if row.method == method]
    points = tuple(
        (k, row, value) for k, row in enumerate(rows) if math.isfinite(value := getattr(row, field))
    )
    values = [value for _, _, value in points]
    box = dict(boxplot_stats(values)[0]) if values else None
    return MethodBox(method, points, box, getattr(experiment.published.get(method), field, None))


def method_biases(experiment: Experiment) -> list[tuple[str, list[MethodBias]]]:
    """Return each method's bias from the darkest to the brightest tenth, the best method first."""
    biases = experiment.evaluation.biases
    return [
        (one.method, [bias for bias in biases if bias.method == one.method])
        for one in ranked(experiment.evaluation.rows)
    ]


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes
    ----------
    ticks : tuple of float
        Where it is labelled, in rising order.
    labels : tuple of str
        Of the ticks.
    span : tuple of float
        Lowest and highest value.
    place : tuple of float
        Where these two are drawn.
    """

    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    span: tuple[float, float]
    place: tuple[float, float]

    def __call__(self, value: float) -> float:
        """Return where a value is drawn."""
        (low, high), (start, end) = self.span, self.place
        return start + (value - low) / (high - low) * (end - start)


def linear_scale(values: Sequence[float], place: tuple[float, float]) -> Scale:
    """Make an axis with round ticks that is a little longer than finite values, if any, span."""
    from matplotlib.ticker import MaxNLocator

    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.04 * (high - low) or max(1e-6, 1e-3 * abs(high))
    span = (low - margin, high + margin)
    locator = MaxNLocator(nbins=5, steps=[1, 2, 5, 10])
    ticks = [float(tick) for tick in locator.tick_values(*span) if span[0] <= tick <= span[1]]
    step = min((b - a for a, b in pairwise(ticks)), default=1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    labels = tuple(with_minus(f"{tick:.{digits}f}") for tick in ticks)
    return Scale(tuple(ticks), labels, span, place)


def symmetric_log(value: float) -> float:
    """Bend counts so that 1 and 1000 are both seen: linear near 0, logarithmic beyond."""
    return math.asinh(value) / math.log(10)


def bias_scale(biases: Sequence[MethodBias], place: tuple[float, float]) -> Scale:
    """Make an axis around zero for errors bent by `symmetric_log`, with ticks at powers of ten."""
    reach = max((abs(one.error) for one in biases if math.isfinite(one.error)), default=0.0)
    power = math.ceil(math.log10(max(reach, 1.0)) - 1e-9)
    # With larger ones on the axis, 1 would be too near to 0 to be labelled.
    decades = [10.0**k for k in range(min(power, 2) // 2, power + 1)]
    counts = [*(-decade for decade in reversed(decades)), 0.0, *decades]
    limit = symmetric_log(decades[-1]) * 1.04
    return Scale(
        tuple(symmetric_log(count) for count in counts),
        tuple(with_minus(f"{count:.0f}") for count in counts),
        (-limit, limit),
        place,
    )
