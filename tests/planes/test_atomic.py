from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import whole_file, write_csv


def write_and_fail(target: Path) -> None:
    with whole_file(target) as part:
        part.write_text("half")
        raise KeyError


def test_whole_files_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with whole_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    with pytest.raises(KeyError):
        write_and_fail(target)
    assert target.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(CrispimError, match=r"absent/table.csv"):
        write_and_fail(tmp_path / "absent/table.csv")


@dataclass(frozen=True)
class Figures:
    plane: str
    sd: int | None
    psnr: float


def test_csv_holds_every_field(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.csv"
    write_csv([Figures("a.tif", 30, 60.0), Figures("b.tif", None, 62.0)], path)
    with path.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert first == {"plane": "a.tif", "sd": "30", "psnr": "60.0"}
    assert second["sd"] == ""
    assert list(tmp_path.iterdir()) == [path]


def test_csv_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"x\.csv"):
        write_csv([Figures("a.tif", 30, 60.0)], tmp_path / "missing" / "x.csv")
