from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import Call


def test_a_shipped_model_for_fiji(call: Call, tmp_path: Path) -> None:
    answer = call("export", "crispim-2d", tmp_path / "new/fiji.zip", "--format", "csbdeep")
    assert answer.status == 0, answer.err
    assert "fiji.zip" in answer.out
    assert "at most" in answer.out
    with zipfile.ZipFile(tmp_path / "new/fiji.zip") as archive:
        assert "saved_model.pb" in archive.namelist()


def test_results_are_not_replaced_unasked(call: Call, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "saved"
    assert call("export", model, out, "--format", "savedmodel").status == 0
    again = call("export", model, out, "--format", "savedmodel")
    assert again.status == 2
    assert "--overwrite" in again.err
    assert call("export", model, out, "--format", "savedmodel", "--overwrite").status == 0


@pytest.mark.parametrize(
    ("model", "name", "form", "words"),
    [
        ("cripsim-2d", "a.zip", "csbdeep", "did you mean 'crispim-2d'"),
        ("crispim-2d", "a.tif", "csbdeep", "must end in .zip"),
        ("crispim-2d", "a.zip", "csbdeep-stack", "is a 2D model"),
    ],
)
def test_faults_leave_nothing(
    call: Call, tmp_path: Path, model: str, name: str, form: str, words: str
) -> None:
    answer = call("export", model, tmp_path / name, "--format", form)
    assert answer.status == 2
    assert words in " ".join(answer.err.split())
    assert not list(tmp_path.iterdir())
