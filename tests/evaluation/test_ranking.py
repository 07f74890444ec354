from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    EvaluationSettings,
    doubt_ranking,
    rank_methods,
    render_ranking,
)
from crispim_ij.evaluation.classics import gaussian
from crispim_ij.evaluation.metrics import rmse
from crispim_ij.noise import NO_NOISE, CameraNoise, StackNoise, measure_noise
from crispim_ij.noise.grain import Grain
from crispim_ij.noise.risk import Risk, estimate_risk
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes.arrays import ArraySource

SD = 30
RNG = np.random.default_rng(3)
CLEAN = gaussian_filter(RNG.gamma(4, 200, (4, 96, 96)), (0, 2, 2))
NOISY = CLEAN + RNG.normal(0, SD, CLEAN.shape)
WHITE = StackNoise((CameraNoise(0, 0, SD),))
STRENGTHS = (0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)
ONE = EvaluationSettings(planes=2)


def test_methods_are_ranked_by_errors_that_nobody_could_measure() -> None:
    done: list[int] = []
    names = ["noisy", "gaussian-tuned", "tv"]
    ranking = rank_methods(ArraySource(NOISY), names, ONE, WHITE, done.append)
    assert done == [1, 2, 3]
    best = ranking[0]
    assert (best.method, ranking[-1].method) == ("gaussian-tuned", "noisy")
    assert [one.error for one in ranking] == sorted(one.error for one in ranking)
    assert ranking[-1].error == pytest.approx(SD, rel=0.03)
    true = {s: rmse(CLEAN[0], gaussian(NOISY[0], s)) for s in STRENGTHS}
    assert best.strength == min(true, key=lambda s: true[s])
    assert best.error == pytest.approx(true[best.strength], rel=0.15)
    assert best.low < true[best.strength] < best.high
    assert render_ranking(ranking).row_count == 3


def test_one_plane_is_tuned_on_and_measured() -> None:
    ranking = rank_methods(ArraySource(NOISY[:1]), ["gaussian-tuned"], ONE, WHITE)
    assert ranking[0].error < SD


def test_errors_below_zero_are_none() -> None:
    """As where noise is told too strong: all seemed to be without error."""
    strong = StackNoise((CameraNoise(0, 0, 2 * SD),))
    ranking = rank_methods(ArraySource(NOISY), ["gaussian-tuned", "noisy"], ONE, strong)
    below, noisy = ranking
    assert (below.method, below.is_below_zero, noisy.is_below_zero) == (
        *("gaussian-tuned", True),
        False,
    )
    assert np.isnan([below.error, below.low, below.high]).all()
    assert "came out below 0 (gaussian-tuned), so the planes' noise is weaker than the 60 " in (
        doubt_ranking(ranking)
    )
    cells = list(render_ranking(ranking).columns[2].cells)
    assert cells[0] == "below 0"
    assert doubt_ranking([noisy]) == ""


def test_of_large_planes_the_middle_is_looked_at() -> None:
    large = np.zeros((1, 1000, 900), np.float32)
    large[:, 116:884, 66:834] = RNG.normal(100, SD, (768, 768))
    (ranked,) = rank_methods(ArraySource(large), ["noisy"], ONE, WHITE)
    assert ranked.error == pytest.approx(SD, rel=0.01)


def test_noise_of_enlarged_planes_is_drawn_where_their_middle_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is stronger in every third row, and the middle begins 7 rows below the first."""
    starts = []

    def seen(*given: Any, grain: Grain, **others: Any) -> Risk:
        assert grain.sampling
        starts.append([axis.start for axis in grain.sampling])
        return estimate_risk(*given, grain=grain, **others)

    monkeypatch.setattr("crispim_ij.evaluation.ranking.estimate_risk", seen)
    fine = RNG.normal(300, SD, (3, 522, 522)).astype(np.float32)
    larger = [resize(plane, 783, 783, Interpolation.BILINEAR, average=False) for plane in fine]
    source = ArraySource(np.stack(larger))
    (found,) = measure_noise(source)
    assert found.grain
    assert found.grain.sampling
    rank_methods(source, ["noisy"], ONE, WHITE)
    assert starts[0] == [axis.start + 7 * axis.step for axis in found.grain.sampling]


def test_noise_that_is_not_known() -> None:
    with pytest.raises(CrispimError, match="tell it with --noise"):
        rank_methods(ArraySource(NOISY), ["noisy"], ONE, StackNoise((NO_NOISE,)))


def test_noise_that_pixels_share() -> None:
    """Which a blur leaves in, whatever a smaller noise of independent pixels would tell."""
    shared = uniform_filter(RNG.normal(0, 60, CLEAN.shape), (0, 2, 2))
    clean = CLEAN[0]  # of planes that are alike
    noisy = clean + shared
    (found,) = measure_noise(ArraySource(noisy))
    assert found.noise
    fine = StackNoise((found.noise,))
    (ranked, nothing) = rank_methods(ArraySource(noisy), ["noisy", "gaussian-tuned"], ONE, fine)
    assert nothing.error == pytest.approx(shared.std(), rel=0.1)
    assert ranked.strength
    true = np.mean([rmse(clean, gaussian(noisy[k], ranked.strength)) for k in range(4)])
    assert ranked.error == pytest.approx(true, rel=0.15)
    assert (found.noise.read_noise, ranked.noise) == pytest.approx((9, 30), rel=0.15)
