"""What a journal says, and when."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crispim_ij.planes.journal import Journal, read_journal


def test_nothing_is_said_to_be_finished_before_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe: list[Any] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: safe.append(str(Path(f"/dev/fd/{handle}").readlink()))
    )
    monkeypatch.setattr("crispim_ij.planes.journal.SECONDS_BETWEEN_SYNCS", 0)
    journal = Journal(tmp_path / "journal", 3, lambda: safe.append("flush"))
    journal.begin({"options": {}})
    (tmp_path / "plane").write_text("x")
    safe.clear()
    journal.note([1], [tmp_path / "plane"])
    assert safe == ["flush", *(str(tmp_path / name) for name in ("plane", "", "journal"))]
    record = read_journal(tmp_path / "journal")
    assert record is not None
    assert record.done == [1]
    assert json.loads((tmp_path / "journal").read_text().splitlines()[-1]) == {"done": [1]}


def test_what_was_being_noted_at_ctrl_c_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", 3)
    journal.begin({"options": {}})
    journal.note([1])

    def interrupted(handle: int) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.sync()
    journal.sync()
    record = read_journal(tmp_path / "journal")
    assert record is not None
    assert set(record.done) == {1}
    assert journal.done.tolist() == [False, True, False]
