"""From counts and decibels to places on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from crispim_ij.evaluation import MethodBias
from crispim_ij.report.numbers import with_minus


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
    """Make an axis with round ticks that holds all values.

    Parameters
    ----------
    values : sequence of float
        Finite; may be empty.
    place : tuple of float
        Where it starts and ends.

    Returns
    -------
    Scale
        A little longer than the values span.
    """
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
    """Make an axis around zero for errors bent by `symmetric_log`.

    Parameters
    ----------
    biases : sequence of MethodBias
        Of all methods.
    place : tuple of float
        Where the lowest and the highest are drawn.

    Returns
    -------
    Scale
        With ticks at 0 and at powers of ten on either side, as far as needed.
    """
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
