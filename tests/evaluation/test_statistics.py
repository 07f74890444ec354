from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap, wilcoxon

from crispim_ij.evaluation.evaluate import Row
from crispim_ij.evaluation.statistics import compare_methods


def rows(**psnrs: list[float]) -> list[Row]:
    return [
        Row(f"{k}.tif", 30, method, value, 1, 1, 1, 1, 1, 0.5)
        for method, values in psnrs.items()
        for k, value in enumerate(values)
    ]


def test_the_better_method_comes_first_with_its_gain() -> None:
    rng = np.random.default_rng(0)
    worse = rng.normal(68, 1, 20)
    gains = rng.normal(2, 0.3, 20)
    (pair,) = compare_methods(rows(tv=worse.tolist(), net=(worse + gains).tolist()))
    assert (pair.method, pair.other, pair.planes) == ("net", "tv", 20)
    assert pair.difference == pytest.approx(gains.mean())
    assert pair.p == wilcoxon(worse + gains - worse).pvalue
    interval = bootstrap((gains,), np.mean, method="percentile").confidence_interval
    assert (pair.low, pair.high) == pytest.approx((interval.low, interval.high), abs=0.02)


def test_chance_is_called_chance() -> None:
    rng = np.random.default_rng(1)
    (pair,) = compare_methods(
        rows(a=rng.normal(70, 1, 20).tolist(), b=rng.normal(70, 1, 20).tolist())
    )
    assert pair.p > 0.05
    assert pair.low < 0 < pair.high


def test_every_pair_once() -> None:
    pairs = compare_methods(rows(a=[1, 2, 4], b=[3, 4, 5], c=[2, 2, 2]))
    assert [(pair.method, pair.other) for pair in pairs] == [("b", "a"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize(("other", "difference"), [([70.0, 71.0], 0), ([69.0, 70.0], 1)])
def test_too_little_to_say(other: list[float], difference: float) -> None:
    (pair,) = compare_methods(rows(a=[70.0, 71.0], b=other))
    assert pair.difference == difference
    assert math.isnan(pair.low)
    assert math.isnan(pair.p) == (difference == 0)


def test_planes_that_one_method_lacks_are_left_out() -> None:
    (pair,) = compare_methods(rows(a=[1, 2, 3], b=[2, 3]))
    assert pair.planes == 2


def test_perfect_planes_have_no_finite_gain() -> None:
    (pair,) = compare_methods(rows(a=[math.inf, 70.0], b=[math.inf, 69.0]))
    assert math.isnan(pair.difference)
    assert math.isnan(pair.p)
