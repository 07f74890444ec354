from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.models.keras2_files import write_paper_2d


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path / "library"))
    return tmp_path / "library"


@pytest.mark.filterwarnings("ignore")
def test_an_imported_model_is_listed_and_shown(call: Call, tmp_path: Path, library: Path) -> None:
    write_paper_2d(tmp_path / "old.keras")
    answer = call("models", "import", tmp_path / "old.keras", "mine")
    assert answer.status == 0, answer.err
    assert (library / "mine/model.json").is_file()
    assert "mine" in call("models", "list").out
    shown = call("models", "show", "mine").out
    assert '"architecture": "paper-2d"' in shown
    again = call("models", "import", tmp_path / "old.keras", "mine")
    assert again.status == 2
    assert "--overwrite" in again.err


def test_the_shipped_model_is_listed_and_shown(call: Call) -> None:
    assert "crispim-2d" in call("models", "list").out
    assert "residual-2d" in call("models", "show", "crispim-2d").out
