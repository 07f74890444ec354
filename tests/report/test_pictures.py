from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crispim_ij.evaluation import Evaluated
from crispim_ij.report import Report
from crispim_ij.report.pictures import experiment_pictures
from tests.report.conftest import HOSTILE, experiment_of


def test_pictures_come_in_the_order_of_the_methods(report: Report) -> None:
    view, _ = experiment_pictures(report.experiments[0])
    assert [one.name for one in view.pictures] == ["clean", "noisy", "tv", HOSTILE, "cv2"]
    assert {one.counts.shape for one in view.pictures} == {(48, 48)}


def test_a_picture_knows_its_error_and_its_psnr(planes: list[Evaluated], report: Report) -> None:
    view, _ = experiment_pictures(report.experiments[0])
    clean, noisy, tv, *_ = view.pictures
    assert clean.error is None
    assert tv.error == pytest.approx(tv.counts - clean.counts)
    assert tv.psnr == next(row.psnr for row in planes[0].rows if row.method == "tv")
    assert noisy.error is not None
    sd = planes[0].rows[0].sd
    assert sd is not None
    assert view.error_limit == pytest.approx(3 * sd, rel=0.1)


def test_another_range_than_the_papers_is_said(planes: list[Evaluated]) -> None:
    fits = experiment_pictures(experiment_of(planes, "t", display=(0, 500)))[0]
    assert fits.caption.endswith("Black is 0 counts and white 500.")
    other = experiment_pictures(experiment_of(planes, "t", display=(90, 1100)))[0]
    assert other.caption.endswith("Black is 90 counts and white 1100 (the paper shows 0 to 500).")


def test_results_without_noisy_planes_are_shown(planes: list[Evaluated]) -> None:
    bare = [replace(plane, noisy=None) for plane in planes]
    view = experiment_pictures(experiment_of(bare, "t"))[0]
    assert [one.name for one in view.pictures] == ["clean", "tv", HOSTILE, "noisy", "cv2"]


def test_a_perfect_result_has_a_scale_of_errors(planes: list[Evaluated]) -> None:
    plane = planes[0]
    same = replace(plane, noisy=None, results=dict.fromkeys(plane.results, plane.clean))
    view = experiment_pictures(experiment_of([same], "t"))[0]
    assert view.error_limit == 1.0
    assert view.pictures[1].psnr == np.inf
