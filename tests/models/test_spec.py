"""What `model.json` says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.models import SharedNoise

FIGURES = st.integers(-999, 999).map(lambda k: k / 1000)


@given(FIGURES, FIGURES, st.none() | st.integers(201, 1199).map(lambda k: k / 100))
def test_shared_noise_as_text(down: float, right: float, period: float | None) -> None:
    shared = SharedNoise(down, right, period)
    again = SharedNoise.from_text(shared.as_text())
    assert again.down == pytest.approx(down, abs=5e-4)
    assert again.right == pytest.approx(right, abs=5e-4)
    assert again.period == (None if period is None else pytest.approx(period, rel=5e-3))
    assert again.is_like(shared)


@pytest.mark.parametrize(
    "other",
    [
        SharedNoise(0.5, 0.2),
        SharedNoise(0.2, 0.5),
        SharedNoise(0.5, 0.5, 3),
    ],
)
def test_unlike_noise(other: SharedNoise) -> None:
    shared = SharedNoise(0.5, 0.5)
    assert shared.is_like(SharedNoise(0.4, 0.6))
    assert not shared.is_like(other)
    assert not other.is_like(shared)


def test_periods() -> None:
    assert SharedNoise(0.5, 0.5, 3).is_like(SharedNoise(0.5, 0.5, 3.1))
    assert not SharedNoise(0.5, 0.5, 3).is_like(SharedNoise(0.5, 0.5, 3.5))


def test_it_is_said_in_words() -> None:
    assert str(SharedNoise(0.5, 0.25)) == "correlates by 0.50 down and 0.25 right"
    assert str(SharedNoise(0, 0.5, 3)) == (
        "correlates by 0.00 down and 0.50 right, and is stronger again every 3 px"
    )
