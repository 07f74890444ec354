from __future__ import annotations

import math
from dataclasses import replace

import pytest

from crispim_ij.evaluation import Evaluation, PlaneMetrics, compare_methods
from crispim_ij.report import Experiment, Published
from crispim_ij.report.ranking import findings, ranked, ranked_pairs

PAPER = {
    "net": Published(71.79, 0.9999, 0.98),
    "tv": Published(69.63, 0.9998, 0.97),
    "cv2": Published(60.35, 0.9983, 0.74),
}


def experiment(means: dict[str, float], planes: int = 8, **more: object) -> Experiment:
    """Methods whose planes lie around a mean, each in a way of its own."""
    rows = [
        PlaneMetrics(
            f"{k}.tif", 35, method, mean + 0.1 * math.sin(k * (1 + len(method))), *[0.5] * 6
        )
        for k in range(planes)
        for method, mean in means.items()
    ]
    return Experiment("Test", Evaluation(rows, compare_methods(rows), [], []), **more)


def test_the_order_is_that_of_mean_psnr() -> None:
    made = experiment({"cv2": 60.0, "net": 72.0, "tv": 70.0})
    assert [one.method for one in ranked(made.evaluation.rows)] == ["net", "tv", "cv2"]
    pairs = [(pair.method, pair.other) for pair in ranked_pairs(made)]
    assert pairs == [("net", "tv"), ("net", "cv2"), ("tv", "cv2")]
    assert findings(made)[0].startswith("Mean PSNR over 8 planes: net 7")


def test_the_error_that_is_left_is_said_in_counts() -> None:
    made = experiment({"noisy": 60.0, "net": 72.0})
    rows = [
        replace(row, rmse=35.0 if row.method == "noisy" else 7.0) for row in made.evaluation.rows
    ]
    said = findings(replace(made, evaluation=replace(made.evaluation, rows=rows)))[0]
    assert said.endswith("error of 35 counts (root mean square) are left: net 7 (20 %).")


def test_a_method_without_psnr_comes_last() -> None:
    rows = experiment({"a": 60.0, "b": 70.0}).evaluation.rows
    broken = [replace(row, psnr=math.nan) if row.method == "b" else row for row in rows]
    assert [one.method for one in ranked(broken)] == ["a", "b"]


def test_a_tuned_classic_that_beats_a_network_is_said() -> None:
    said = " ".join(findings(experiment({"net": 71.0, "tv": 69.0, "tv-tuned": 72.5})))
    assert (
        "A classic method beats net: tv-tuned (its strength tuned on another plane), by 1." in said
    )
    assert "95 % interval" in said
    assert "Each method differs from the next" in said


def test_a_classic_that_is_told_the_noise_is_no_network() -> None:
    said = " ".join(findings(experiment({"net": 71.0, "tv": 69.0, "bm3d": 72.5})))
    assert "A classic method beats net: bm3d (told the noise), by 1." in said
    assert "bm3d beats" not in said


def test_a_network_that_beats_all_classics_is_said() -> None:
    said = " ".join(findings(experiment({"net": 73.0, "tv": 69.0, "tv-tuned": 72.5})))
    assert "net beats the best classic method here, tv-tuned" in said


def test_what_may_be_chance_is_not_called_beating() -> None:
    said = " ".join(findings(experiment({"net": 70.0, "gaussian-tuned": 70.001})))
    assert "Not told apart by Wilcoxon's test at p < 0.05: " in said
    assert "beats" not in said
    assert "that may be chance" in said


def test_few_planes_tell_nothing_apart() -> None:
    said = " ".join(findings(experiment({"net": 72.0, "tv": 70.0}, planes=3)))
    assert "Not told apart by Wilcoxon's test at p < 0.05: net and tv." in said


def test_what_is_worse_than_nothing_is_said() -> None:
    said = findings(experiment({"noisy": 65.0, "cv2": 60.0, "net": 62.0, "tv": 70.0}))
    assert "Worse than the noisy planes themselves: net, cv2." in said


def test_constant_planes_are_said() -> None:
    """As of a network that learnt nothing; a clean plane that is constant says nothing of it."""
    made = experiment({"noisy": 65.0, "net": 60.0}, planes=3)
    rows = [
        replace(row, pcc=math.nan) if row.method == "net" or row.plane == "0.tif" else row
        for row in made.evaluation.rows
    ]
    said = findings(replace(made, evaluation=replace(made.evaluation, rows=rows)))
    assert "Constant planes, which show nothing and have no PCC, by how many: net (2)." in said
    assert not any("Constant" in one for one in findings(made))


@pytest.mark.parametrize(
    ("tv", "sentence"),
    [
        (70.0, "The paper's methods come in the paper's order: net > tv > cv2."),
        (
            73.0,
            "The paper's methods do not come in the paper's order: tv > net > cv2 here, "
            "net > tv > cv2 in the paper.",
        ),
    ],
)
def test_the_papers_order_is_compared(tv: float, sentence: str) -> None:
    made = experiment({"net": 72.0, "tv": tv, "cv2": 60.0, "more": 80.0}, published=PAPER)
    assert findings(made)[-1] == sentence


def test_one_method_of_the_paper_has_no_order() -> None:
    made = experiment({"net": 72.0, "other": 70.0}, published=PAPER)
    assert not [sentence for sentence in findings(made) if "paper" in sentence]
