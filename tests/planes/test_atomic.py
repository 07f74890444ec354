from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import whole_file


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
