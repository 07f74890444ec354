from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

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
    shown = call("models", "show", "crispim-2d").out
    assert '"architecture": "stabilised-2d"' in shown
    assert "What it was trained on" in shown
    assert "own_noise" not in shown  # the card has it shorter
    assert "own_noise" in call("models", "show", "crispim-2d", "--json").out


def test_a_card_in_another_encoding_is_refused(call: Call, model: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(model, tmp_path / "mine"))
    (mine / "README.md").write_bytes("Größe".encode("latin-1"))
    answer = call("models", "show", mine)
    assert answer.status == 2
    assert "README.md can't be read as text in UTF-8" in answer.err


def test_calibrate_and_denoise_with_uncertainty(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(model, mine)
    options = ("denoise", noisy, tmp_path / "out", "--model", mine)
    answer = call(*options, "--uncertainty", tmp_path / "errors.tif")
    assert answer.status == 2
    assert "models calibrate mine --clean" in " ".join(answer.err.split())
    assert not (tmp_path / "errors.tif").exists()

    answer = call("models", "calibrate", mine, "--clean", noisy, "--planes", 2)
    assert answer.status == 0, answer.err
    assert "expected error" in answer.out

    answer = call(*options, "--uncertainty", tmp_path / "errors.tif")
    assert answer.status == 0, answer.err
    errors = tifffile.imread(tmp_path / "errors.tif")
    assert errors.shape == (3, 40, 60)
    assert errors.dtype == np.float32
    assert (errors > 0).all()
    plain = call("denoise", noisy, tmp_path / "plain", "--model", mine)
    assert plain.status == 0, plain.err
    for name in ("0.tif", "1.tif", "2.tif"):
        ours, theirs = (tifffile.imread(tmp_path / folder / name) for folder in ("out", "plain"))
        np.testing.assert_allclose(ours.astype(int), theirs, atol=1)
