from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.evaluation import MethodBias
from crispim_ij.report.plots import bias_scale, linear_scale, symmetric_log

numbers = st.floats(-1e5, 1e5, allow_nan=False)


@given(st.lists(numbers, max_size=20))
def test_a_scale_holds_all_values_and_its_ticks(values: list[float]) -> None:
    scale = linear_scale(values, (10, 200))
    places = [scale(value) for value in (*values, *scale.ticks)]
    assert all(10 <= place <= 200 for place in places)
    assert len(scale.ticks) == len(scale.labels)


def test_ticks_are_round_and_told_apart() -> None:
    scale = linear_scale([0.99812, 0.99991], (0, 1))
    assert scale.labels == ("0.9985", "0.9990", "0.9995")


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_bias_scale_has_zero_in_the_middle(errors: list[float]) -> None:
    scale = bias_scale([MethodBias("m", 1, 1.0, error, 1.0) for error in errors], (100, 0))
    assert scale(0) == pytest.approx(50)
    assert all(0 <= scale(symmetric_log(error)) <= 100 for error in errors)


def test_bias_ticks_are_powers_of_ten() -> None:
    def labels(error: float) -> str:
        scale = bias_scale([MethodBias("m", 1, 1.0, error, 1.0)], (100, 0))
        return " ".join(scale.labels).replace("\N{MINUS SIGN}", "-")

    assert labels(0.3) == "-1 0 1"
    assert labels(-7.0) == "-10 -1 0 1 10"
    assert labels(300.0) == "-1000 -100 -10 0 10 100 1000"
