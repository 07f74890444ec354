from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.report.display import PAPER_RANGE, best_place, display_range, parse_display


@pytest.mark.parametrize(
    ("text", "expected"), [("auto", None), ("paper", (0, 500)), ("100:800.5", (100, 800.5))]
)
def test_display_is_read(text: str, expected: tuple[float, float] | None) -> None:
    assert parse_display(text) == expected


@pytest.mark.parametrize("text", ["", "500", "500:100", "7:7", "a:b", "1:2:3", "0:inf", "nan:1"])
def test_other_displays_are_refused(text: str) -> None:
    with pytest.raises(CrispimError, match="--display"):
        parse_display(text)


def test_the_papers_range_is_taken_where_it_fits() -> None:
    clean = np.random.default_rng(0).uniform(100, 400, (100, 100))
    clean[:4] = 3000  # 4 % of bright cells
    assert display_range(clean, None) == PAPER_RANGE


@pytest.mark.parametrize(("mean", "sd"), [(2000.0, 50.0), (200.0, 10.0)])
def test_another_range_is_taken_for_bright_and_for_flat_planes(mean: float, sd: float) -> None:
    clean = np.random.default_rng(0).normal(mean, sd, (100, 100))
    low, high = display_range(clean, None)
    assert mean - 6 * sd < low < mean - 3 * sd
    assert mean + 2 * sd < high < mean + 4 * sd


def test_range_of_a_constant_plane_is_not_empty() -> None:
    low, high = display_range(np.zeros((9, 9)), None)
    assert low < high


def test_given_range_is_kept() -> None:
    assert display_range(np.zeros((9, 9)), (3, 7)) == (3, 7)


def test_place_is_where_most_is_to_be_seen() -> None:
    clean = np.zeros((400, 500))
    clean[331:370:2, 420:470] = 300
    rows, columns = best_place(clean, (0, 500), side=128)
    assert rows.start <= 331
    assert rows.stop >= 370
    assert columns.start <= 420
    assert columns.stop >= 470


@pytest.mark.parametrize("side", [16, 17])
def test_place_is_the_window_of_the_highest_spread(side: int) -> None:
    clean = np.random.default_rng(1).random((40, 50))
    windows = np.lib.stride_tricks.sliding_window_view(clean, (side, side)).std(axis=(2, 3))
    assert clean[best_place(clean, (0, 1), side)].std() == pytest.approx(windows.max())


def test_place_in_a_small_plane_is_its_short_side() -> None:
    rows, columns = best_place(np.zeros((40, 90)), (0, 500))
    assert rows.stop - rows.start == columns.stop - columns.start == 40
