from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import Row, render_table, summarise, write_csv

A = Row("a.tif", 30, "tv", 60.0, 0.9, 0.8, 20.0, 30.0, 0.5, 0.25)
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


def test_csv_holds_every_field(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.csv"
    write_csv([A, B], path)
    with path.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert first == {
        "plane": "a.tif",
        "sd": "30",
        "method": "tv",
        "psnr": "60.0",
        "ssim": "0.9",
        "pcc": "0.8",
        "rmse": "20.0",
        "robust_psnr": "30.0",
        "robust_ssim": "0.5",
        "frc_cutoff": "0.25",
    }
    assert second["sd"] == ""
    assert list(tmp_path.iterdir()) == [path]


def test_csv_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"x\.csv"):
        write_csv([A], tmp_path / "missing" / "x.csv")


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
