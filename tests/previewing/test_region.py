from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.previewing.region import (
    LONGEST,
    Crop,
    best_crop,
    check_plane,
    choose_part,
    display_limits,
    parse_crop,
)


def test_crops_are_read() -> None:
    assert parse_crop("400:800:256") == Crop(400, 800, 256)


@pytest.mark.parametrize("text", ["", "1:2", "1:2:3:4", "-1:2:3", "1:2:0", "a:b:c"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(CrispimError, match="not of the form Y:X:SIZE"):
        parse_crop(text)


@given(st.integers(4, 9000), st.integers(4, 9000), st.data())
def test_a_part_holds_its_crop(rows: int, columns: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, min(rows, columns, 2000)))
    crop = Crop(
        data.draw(st.integers(0, rows - size)), data.draw(st.integers(0, columns - size)), size
    )
    for chosen in (None, crop):
        part = choose_part((rows, columns), chosen)
        for side, length in zip(part, (rows, columns), strict=True):
            assert side.start % 16 == 0
            assert side.stop <= length
            assert min(length, LONGEST) <= side.stop - side.start < LONGEST + 16
    for side, start in zip(part, (crop.y, crop.x), strict=True):
        assert side.start <= start
        assert start + size <= side.stop


@pytest.mark.parametrize(
    ("crop", "says"), [(Crop(0, 80, 30), "reaches beyond"), (Crop(0, 0, 2040), "too large")]
)
def test_crops_beyond_a_plane_are_refused(crop: Crop, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        choose_part((4000, 100 if crop.x else 4000), crop)


def test_the_plane_is_chosen() -> None:
    source = ArraySource(np.zeros((5, 8, 8), np.uint8))
    assert [check_plane(source, index) for index in (None, 0, 4)] == [2, 0, 4]
    with pytest.raises(CrispimError, match="choose one from 0 to 4"):
        check_plane(source, 5)


def test_detail_is_looked_for() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(300, 30, (600, 700))
    plane[:60] = 0  # an edge, which is no detail
    for row in range(400, 480, 10):
        for column in range(500, 600, 10):
            plane[row : row + 4, column : column + 4] += 1500
    rows, columns = best_crop(plane, (0.0, 600.0))
    assert rows.start <= 400
    assert rows.stop >= 474
    assert columns.start <= 500
    assert columns.stop >= 594


def test_the_files_display_range_is_taken(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(100, 900, (3, 2, 40, 50), np.uint16)
    ranges = {"axes": "ZCYX", "Ranges": (50.0, 800.0, 0.0, 60000.0)}
    tifffile.imwrite(tmp_path / "two.tif", planes, imagej=True, metadata=ranges)
    with open_source(tmp_path / "two.tif") as source:
        assert display_limits(source, 2, source.read(2)) == (50, 800)
        # Nothing would be seen in the other channel's.
        low, high = display_limits(source, 3, source.read(3))
        assert 100 <= low < 110
        assert 890 < high < 900


def test_percentiles_where_there_is_none() -> None:
    source = ArraySource(np.full((1, 8, 8), 7, np.uint8))
    assert display_limits(source, 0, source.read(0)) == (7, 8)
