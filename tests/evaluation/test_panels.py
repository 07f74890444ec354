from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    Evaluated,
    EvaluationSettings,
    Given,
    best_place,
    display_range,
    evaluate,
    find_method,
    parse_display,
    write_panel,
)
from crispim_ij.planes import open_source


@pytest.fixture
def plane(clean: Path) -> Evaluated:
    methods = [find_method(name) for name in ("noisy", "tv")]
    with open_source(clean) as source:
        return next(iter(evaluate(source, methods, EvaluationSettings(planes=1))))


@pytest.mark.parametrize(
    ("text", "expected"), [("auto", None), ("paper", (0, 500)), ("100:800.5", (100, 800.5))]
)
def test_display_is_read(text: str, expected: tuple[float, float] | None) -> None:
    assert parse_display(text) == expected


@pytest.mark.parametrize("text", ["", "500", "500:100", "7:7", "a:b", "1:2:3", "0:inf", "nan:1"])
def test_other_displays_are_refused(text: str) -> None:
    with pytest.raises(CrispimError, match="--display"):
        parse_display(text)


def test_automatic_range_fits_the_plane() -> None:
    clean = np.random.default_rng(0).normal(2000, 50, (100, 100))
    low, high = display_range(clean, None)
    assert 1600 < low < 1900
    assert 2100 < high < 2400


def test_range_of_a_constant_plane_is_not_empty() -> None:
    low, high = display_range(np.zeros((9, 9)), None)
    assert low < high


def test_given_range_is_kept() -> None:
    assert display_range(np.zeros((9, 9)), (0, 500)) == (0, 500)


def test_place_is_where_most_is_to_be_seen() -> None:
    clean = np.zeros((400, 500))
    clean[330:370:2, 420:470] = 300
    rows, columns = best_place(clean, (0, 500), side=128)
    assert rows.start <= 330
    assert rows.stop >= 370
    assert columns.start <= 420
    assert columns.stop >= 470


def test_place_in_a_small_plane_is_its_short_side() -> None:
    rows, columns = best_place(np.zeros((40, 90)), (0, 500))
    assert rows.stop - rows.start == columns.stop - columns.start == 40


def test_panel_has_a_picture_of_each_kind(plane: Evaluated, tmp_path: Path) -> None:
    path = tmp_path / "panel.png"
    write_panel(plane, "tv", None, path)
    picture = imread(path)
    assert list(tmp_path.glob("*.png")) == [path]
    assert not list(tmp_path.glob(".*"))
    height, width = picture.shape[:2]
    assert 400 < height < 900
    assert 1200 < width < 3000
    # Four pictures with white gaps: in the middle row, none of them is empty.
    middle = picture[height // 2, :, :3].min(axis=1) < 250
    starts = np.flatnonzero(np.diff(middle.astype(int)) == 1)
    assert len(starts) >= 4
    # Nothing is cut off at the edges.
    frame = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert frame[:, :3].min() > 250


def test_noisy_panel_shows_the_noisy_plane_once(plane: Evaluated, tmp_path: Path) -> None:
    write_panel(plane, "noisy", (0, 500), tmp_path / "noisy.png")
    write_panel(plane, "tv", (0, 500), tmp_path / "tv.png")
    assert imread(tmp_path / "noisy.png").shape[1] < imread(tmp_path / "tv.png").shape[1]


def test_panel_of_an_equal_result_without_noise(clean: Path, tmp_path: Path) -> None:
    with open_source(clean) as source:
        given = Given(results={"same": source})
        plane = next(iter(evaluate(source, [], EvaluationSettings(planes=1), given)))
    write_panel(plane, "same", None, tmp_path / "same.png")
    assert (tmp_path / "same.png").stat().st_size > 1000


@pytest.mark.skipif(os.name == "nt", reason="folders have other permissions there")
def test_panel_in_a_missing_folder_is_refused(plane: Evaluated, tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"panel\.png"):
        write_panel(plane, "tv", None, tmp_path / "missing" / "panel.png")
