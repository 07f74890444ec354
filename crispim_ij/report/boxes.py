"""What a box plot shows, for the page and for the figures alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from crispim_ij.evaluation import Row
from crispim_ij.report.content import Experiment

FACETS = (
    ("PSNR (dB)", "psnr", ".2f"),
    ("SSIM", "ssim", ".5f"),
    ("PCC", "pcc", ".4f"),
    ("Robust SSIM", "robust_ssim", ".4f"),
)
"""Title, field of `Row` and format: the paper's three, and an SSIM that does not saturate."""


def of_method(rows: Sequence[Row], method: str) -> list[Row]:
    """Return one method's rows."""
    return [row for row in rows if row.method == method]


def finite(rows: Sequence[Row], field: str) -> list[float]:
    """Return a field's values that can be drawn: equal planes have an infinite PSNR."""
    return [value for row in rows if math.isfinite(value := getattr(row, field))]


def published_means(experiment: Experiment, field: str) -> dict[str, float]:
    """Return the paper's means of a field by method, where it has them."""
    return {
        method: getattr(figures, field)
        for method, figures in experiment.published.items()
        if hasattr(figures, field)
    }


def box(values: Sequence[float]) -> dict[str, Any] | None:
    """Return a box's numbers by Matplotlib's rule.

    Parameters
    ----------
    values : sequence of float
        Finite.

    Returns
    -------
    dict or None
        Median 'med', quartiles 'q1' and 'q3', and 'whislo' and 'whishi', the last values
        within 1.5 times the box's length of it; None where there are no values.
    """
    from matplotlib.cbook import boxplot_stats

    if not values:
        return None
    (numbers,) = boxplot_stats(values)
    return dict(numbers)
