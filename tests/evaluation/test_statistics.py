from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import bootstrap, wilcoxon

from crispim_ij.evaluation import PlaneMetrics, render_table, summarise
from crispim_ij.evaluation.metrics import Bias, bias_by_decile
from crispim_ij.evaluation.statistics import (
    best_figures,
    columns_of,
    compare_methods,
    summarise_bias,
)


def rows(**psnrs: list[float]) -> list[PlaneMetrics]:
    return [
        PlaneMetrics(f"{k}.tif", 30, method, value, 1, 1, 1, 1, 1, 0.5)
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


A = PlaneMetrics("a.tif", 30, "tv", 60.0, 0.9, 0.8, 20.0, 30.0, 0.5, 0.25)
B = replace(A, plane="b.tif", sd=None, psnr=62.0, rmse=10.0)
C = replace(A, method="noisy", psnr=58.0, rmse=40.0)


def test_summaries_are_means_in_order_of_appearance() -> None:
    tv, noisy = summarise([A, C, B])
    assert (tv.method, tv.planes, tv.psnr, tv.psnr_sd, tv.rmse) == ("tv", 2, 61.0, 1.0, 15.0)
    assert (noisy.method, noisy.planes, noisy.psnr) == ("noisy", 1, 58.0)


def test_equal_planes_have_no_deviation() -> None:
    (summary,) = summarise([A, replace(A, psnr=math.inf)])
    assert summary.psnr == math.inf
    assert math.isnan(summary.psnr_sd)


def test_screen_shows_means_of_each_method() -> None:
    stream = io.StringIO()
    Console(file=stream, width=120).print(render_table(summarise([A, B, C])))
    text = stream.getvalue()
    assert "Means over 2 planes" in text
    assert "61.00" in text
    assert "58.00" in text
    assert "15.00" in text


def test_best_figures_are_bold() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True, color_system="truecolor")
    console.print(render_table(summarise([A, C])))
    assert "\x1b[1m60.00" in stream.getvalue()
    assert "\x1b[1m20.00" in stream.getvalue()
    assert "\x1b[1m58.00" not in stream.getvalue()


def test_the_error_in_counts_comes_first_and_what_saturates_is_left_out() -> None:
    fields = [field for _, field, _, _ in columns_of(summarise([A, C]))]
    assert fields[:2] == ["rmse", "robust_psnr"]
    assert fields[-1] == "psnr"
    net = replace(A, method="net", ssim=0.9004, frc_cutoff=0.2504)
    fields = [field for _, field, _, _ in columns_of(summarise([A, net, C]))]
    assert not {"ssim", "frc_cutoff"} & {*fields}
    net = replace(net, frc_cutoff=0.3)
    assert "frc_cutoff" in [field for _, field, _, _ in columns_of(summarise([A, net, C]))]
    papers = [field for _, field, _, _ in columns_of(summarise([A, net, C]), papers=True)]
    assert papers[:3] == ["psnr", "ssim", "pcc"]


def test_a_table_explains_the_columns_that_it_has() -> None:
    net = replace(A, method="net", frc_cutoff=0.25)
    assert "FRC" not in str(render_table(summarise([A, net, C])).caption)
    assert "SSIM: at the paper's" not in str(render_table(summarise([A, net, C])).caption)
    told = str(render_table(summarise([A, replace(net, frc_cutoff=0.3, ssim=0.5), C])).caption)
    assert "PSNR and SSIM: at the paper's range" in told
    assert "FRC: highest" in told


def test_the_noisy_planes_are_never_the_best() -> None:
    best = best_figures(summarise([A, C]))
    assert best["rmse"] == 20
    assert "ssim" not in best  # of which noisy has as much
    assert "psnr" not in best_figures(summarise([A, replace(C, psnr=70.0)]))


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
