from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import Evaluated
from crispim_ij.report import Report, report_names, write_report
from crispim_ij.report.content import ExperimentFiles, experiment_files
from crispim_ij.report.figures import _bias, _boxes, write_figures
from crispim_ij.report.pictures import experiment_pictures
from tests.report.conftest import HOSTILE, experiment_of, with_evaluation

KINDS = ("png", "svg", "pdf")


def test_every_file_is_there(folder: Path, report: Report) -> None:
    names = set(report_names([one.title for one in report.experiments]))
    assert {path.name for path in folder.iterdir()} == names
    assert "table-2-comparison.csv" in names
    figures = ("figure-3", "figure-4", "table-1-bias", "table-2-boxes", "table-2-panels")
    drawn = {f"{figure}.{kind}" for figure in (*figures, "table-2-bias") for kind in KINDS}
    assert {path.name for path in (folder / "figures").iterdir()} == drawn


def test_json_holds_what_the_tables_hold(folder: Path, report: Report) -> None:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert content["command"] == report.command
    assert content["seconds"] == 75
    assert content["recipes"] == report.recipes
    assert content["made"]["logical cores"] >= 1
    first = content["experiments"][0]
    assert first["published"]["tv"] == {"psnr": 69.629, "ssim": 0.9998, "pcc": 0.9718}
    assert first["findings"][0].startswith("Mean PSNR over 6 planes: tv ")
    tables = {"planes": "evaluation", "means": "summary", "pairs": "comparison", "bias": "bias"}
    for name, table in tables.items():
        with (folder / f"table-1-{table}.csv").open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert [{key: str(value) for key, value in one.items()} for one in first[name]] == rows


@pytest.mark.long
def test_figures_are_the_same_for_the_same_numbers(
    folder: Path, report: Report, tmp_path: Path
) -> None:
    one = report.experiments[0]
    names = ExperimentFiles("table-1-", "figure-3", "figure-4", "table-1-bias")
    write_figures(one, experiment_pictures(one), names, tmp_path)
    drawn = list(tmp_path.iterdir())
    assert len(drawn) == 9
    for path in drawn:
        assert path.read_bytes() == (folder / "figures" / path.name).read_bytes(), path.name


def test_figures_show_something(folder: Path) -> None:
    for name in ("figure-3", "figure-4", "table-1-bias"):
        picture = imread(folder / "figures" / f"{name}.png")[..., :3]
        assert min(picture.shape[:2]) > 200
        assert np.ptp(picture) > 200
        # Nothing is cut off at the edges.
        assert (picture[[0, -1]].min(), picture[:, [0, -1]].min()) == (255, 255)
    assert HOSTILE.encode() not in (folder / "figures/figure-3.svg").read_bytes()


@pytest.fixture
def small(planes: list[Evaluated]) -> Report:
    one = experiment_of(planes[:2], "Evaluation of x.tif")
    return Report(
        "Small", "crispim-ij evaluate x.tif", [], [with_evaluation(one, shown=[])], {}, 0.5
    )


def test_the_papers_means_are_drawn_above_the_boxes(report: Report) -> None:
    for axes in _boxes(report.experiments[0]).axes:
        marks = [line for line in axes.lines if line.get_marker() == "D"]
        assert len(marks) == 2 * (axes.get_title() != "Robust SSIM")
        others = [*axes.patches, *(line for line in axes.lines if line not in marks)]
        for mark in marks:
            assert mark.zorder > max(one.zorder for one in others)


def test_the_lowest_plot_of_each_column_names_its_classes(report: Report) -> None:
    one = report.experiments[0]
    measured = one.evaluation
    others = [replace(row, method=f"{row.method} 2") for row in measured.rows if row.method != "tv"]
    biases = [*measured.biases, *(replace(b, method=f"{b.method} 2") for b in measured.biases)]
    figure = _bias(with_evaluation(one, biases=biases, rows=[*measured.rows, *others]))
    figure.draw_without_rendering()
    named = [any(label.get_visible() for label in axes.get_xticklabels()) for axes in figure.axes]
    assert named == [False] * 3 + [True] * 4


def test_an_earlier_report_is_replaced_and_strangers_stay(small: Report, tmp_path: Path) -> None:
    (tmp_path / "comparison.csv").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    one = with_evaluation(small.experiments[0], comparisons=[])
    page = write_report(replace(small, experiments=[one]), tmp_path)
    assert page == tmp_path / "report.html"
    assert not (tmp_path / "comparison.csv").exists()
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "figures/panels.png").exists()


@pytest.mark.long
def test_what_is_no_number_is_no_number_anywhere(small: Report, tmp_path: Path) -> None:
    one = small.experiments[0]
    rows = [replace(row, psnr=math.inf, pcc=math.nan) for row in one.evaluation.rows]
    write_report(replace(small, experiments=[with_evaluation(one, rows=rows)]), tmp_path)
    text = (tmp_path / "report.json").read_text()
    first = json.loads(text, parse_constant=pytest.fail)["experiments"][0]["planes"][0]
    assert (first["psnr"], first["pcc"]) == ("inf", None)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<data value="inf">\N{INFINITY}</data>' in page
    assert '<data value="nan">\N{EN DASH}</data>' in page


@pytest.mark.skipif(os.name == "nt", reason="folders have other permissions there")
def test_a_folder_that_cant_be_made_is_refused(small: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CrispimError, match="file"):
        write_report(small, tmp_path / "file" / "out")


def test_a_failed_report_leaves_nothing(small: Report, tmp_path: Path) -> None:
    broken = replace(small, recipes={"net": {"seed": object()}})
    with pytest.raises(TypeError):
        write_report(broken, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_titles_that_name_files_alike_are_numbered() -> None:
    names = experiment_files(["A: x", "a: y", "!"], [None, ("Figure 3", "Figure 4"), None])
    assert [one.stem for one in names] == ["1-a-", "2-a-", "3-experiment-"]
    assert (names[1].boxes, names[1].panels, names[1].bias) == ("figure-3", "figure-4", "2-a-bias")


def test_one_test_needs_no_names() -> None:
    (names,) = experiment_files(["Table 1: x"], [None])
    assert names.tables[1] == "summary.csv"
    assert (names.boxes, names.panels, names.bias) == ("boxes", "panels", "bias")
