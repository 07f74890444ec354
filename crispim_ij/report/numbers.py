"""Figures as a page shows them."""

from __future__ import annotations

import math

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
"""A true minus, and what stands where there is no figure."""

_SMALLEST_P = 0.0001


def with_minus(text: str) -> str:
    """Write a figure with a true minus, which is as wide as a plus."""
    return text.replace("-", MINUS)


def shown(value: float, form: str) -> str:
    """Format a figure such as ``.2f``, with a true minus; one that isn't a number is a dash."""
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return with_minus(format(value, form))


def shown_p(value: float) -> str:
    """Format the p of a test with four decimals."""
    return f"< {_SMALLEST_P}" if value < _SMALLEST_P else shown(value, ".4f")


def shown_counts(value: float) -> str:
    """Format a count of a pixel, which may be a share of 1, without digits that say nothing."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def shown_time(seconds: float) -> str:
    """Format a duration in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
