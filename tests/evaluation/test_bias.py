from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.evaluation.bias import Bias, bias_by_decile, summarise_bias


def test_a_method_that_dims_bright_pixels() -> None:
    clean = np.arange(1000, dtype=np.uint16).reshape(20, 50)
    result = np.where(clean >= 900, clean * 0.9, clean)
    bias = bias_by_decile(clean, result)
    assert [one.decile for one in bias] == list(range(1, 11))
    assert [one.clean for one in bias] == [49.5 + 100 * k for k in range(10)]
    assert [one.error for one in bias[:9]] == [0] * 9
    (*_, brightest) = summarise_bias([{"dim": bias}])
    assert (brightest.method, brightest.decile) == ("dim", 10)
    assert brightest.percent == pytest.approx(-10)


def test_planes_are_averaged_before_percent_is_taken() -> None:
    planes = [{"a": [Bias(1, clean, error)] * 10} for clean, error in ((100, 1), (300, 7))]
    first = summarise_bias(planes)[0]
    assert (first.clean, first.error, first.percent) == (200, 4, 2)
    assert summarise_bias([]) == []


def test_noise_alone_has_no_bias() -> None:
    rng = np.random.default_rng(0)
    clean = rng.uniform(100, 500, (200, 300))
    for one in bias_by_decile(clean, clean + rng.normal(0, 30, clean.shape)):
        assert abs(one.error) < 4 * 30 / np.sqrt(6000)


def test_an_empty_plane_has_no_percentage() -> None:
    bias = bias_by_decile(np.zeros((8, 8), np.uint16), np.ones((8, 8)))
    first = summarise_bias([{"a": bias}])[0]
    assert np.isnan(first.percent)
    assert first.error == 1
