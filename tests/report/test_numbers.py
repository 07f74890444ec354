from __future__ import annotations

import math

import pytest

from crispim_ij.report.numbers import shown, shown_counts, shown_p, shown_time


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (71.789, "71.79"),
        (-0.5, "\N{MINUS SIGN}0.50"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "\N{INFINITY}"),
        (-math.inf, "\N{MINUS SIGN}\N{INFINITY}"),
    ],
)
def test_figures(value: float, text: str) -> None:
    assert shown(value, ".2f") == text


def test_small_p() -> None:
    assert shown_p(1.9e-6) == "< 0.0001"
    assert shown_p(0.04321) == "0.0432"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "3.2 s"), (59.7, "1 min 0 s"), (1043, "17 min 23 s"), (7260, "2 h 1 min")],
)
def test_times(seconds: float, text: str) -> None:
    assert shown_time(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(158.79, "159"), (65535, "65535"), (52, "52"), (0.12345, "0.123")]
)
def test_counts(value: float, text: str) -> None:
    assert shown_counts(value) == text
