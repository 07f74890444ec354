"""One JSON object on standard output, and nothing else there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Call


def facts_of(call: Call, *given: object, status: int = 0) -> dict[str, Any]:
    """What a command says with --json."""
    answer = call(*given, "--json")
    assert answer.status == status, answer.err
    assert "NaN" not in answer.out
    assert "Infinity" not in answer.out
    facts = json.loads(answer.out)
    assert isinstance(facts, dict)
    return facts


def test_denoise(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    facts = facts_of(call, "denoise", noisy, out, "--model", model, "--tile", 32)
    assert facts["input"] == {
        "path": str(noisy), "planes": 3, "rows": 40, "columns": 60, "type": "uint16"
    }  # fmt: skip
    (written,) = facts["outputs"]
    assert (written["path"], written["type"]) == (str(out), "uint16")
    assert written["bytes"] == 3 * 40 * 60 * 2
    assert written["free"] > 0
    assert facts["model"]["name"] == "random"
    assert (facts["precision"], facts["tile"], facts["kept"]) == ("float32", 32, 0)
    assert facts["seconds"] > 0
    again = facts_of(call, "denoise", noisy, out, "--model", model, "--tile", 32, "--resume")
    assert again["kept"] == 3


def test_preprocess(call: Call, noisy: Path, tmp_path: Path) -> None:
    given = ["--factor", 2, "--seed", 7, "--clean", tmp_path / "clean"]
    facts = facts_of(call, "preprocess", noisy, tmp_path / "out", *given)
    assert [(one["path"], one["rows"], one["columns"]) for one in facts["outputs"]] == [
        (str(tmp_path / "out"), 20, 30),
        (str(tmp_path / "clean"), 20, 30),
    ]
    assert facts["settings"]["--seed"] == 7
    assert facts["engine"] == {"name": "native", "ImageJ": "1.53q"}
    assert Path(facts["record"]).is_file()


@pytest.mark.long
def test_train(call: Call, noisy: Path, tmp_path: Path) -> None:
    small = ("--steps", 2, "--batch", 2, "--patch", 32, "--sample-every", 0)
    facts = facts_of(call, "train", tmp_path / "mine", "--clean", noisy, *small)
    assert facts["inputs"][0]["path"] == str(noisy)
    assert (facts["recipe"], facts["steps"]) == ("crispim-2d", 2)
    assert facts["model"] == str(tmp_path / "mine")
    assert facts["rmse"] > 0
    assert facts["validation rmse"] > 0
    assert 0 <= facts["waited"] <= 1
    (problem,) = facts["problems"]
    assert problem.startswith("It removes no noise to speak of")


@pytest.mark.long
def test_evaluate(call: Call, noisy: Path, tmp_path: Path) -> None:
    """A result that is the clean planes themselves has an infinite PSNR."""
    given = ["--method", "noisy", "--result", f"same={noisy}", "--out", tmp_path / "out"]
    facts = facts_of(call, "evaluate", noisy, "--planes", 2, *given)
    by_name = {mean["method"]: mean for mean in facts["means"]}
    assert by_name["same"]["psnr"] == "inf"
    assert by_name["same"]["psnr_sd"] is None
    assert by_name["noisy"]["planes"] == 2
    assert {pair["method"] for pair in facts["pairs"]} <= {"same", "noisy"}
    assert Path(facts["report"]).is_file()


def test_calibrate(call: Call, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    light = np.linspace(0, 2000, 256, dtype=np.float32)[:, None] + np.zeros((256, 256), np.float32)
    planes = rng.poisson(light, (4, 256, 256)) * 0.5 + 100 + rng.normal(0, 2, (4, 256, 256))
    tifffile.imwrite(tmp_path / "in.tif", planes.astype(np.uint16), imagej=True)
    out = tmp_path / "camera.json"
    facts = facts_of(call, "calibrate", tmp_path / "in.tif", "--offset", 100, "--out", out)
    assert facts["camera"]["gain"] == pytest.approx(0.5, rel=0.1)
    assert facts["camera"]["offset"] == 100
    assert facts["files"] == [str(out), str(tmp_path / "camera.png")]
    assert facts["planes"] == 4
    assert facts["correlated"] is False


def test_models_list(call: Call) -> None:
    facts = facts_of(call, "models", "list")
    shipped = {model["name"]: model for model in facts["models"]}
    assert shipped["crispim-2d"]["architecture"] == "stabilised-2d"
    assert Path(shipped["crispim-2d"]["folder"]).is_dir()


def test_models_show(call: Call) -> None:
    facts = facts_of(call, "models", "show", "crispim-2d")
    assert (facts["name"], facts["axes"]) == ("crispim-2d", "YXC")
    assert len(facts["sha256"]) == 64
    assert facts["card"].lstrip().startswith("#")


def test_a_model_without_a_card(call: Call, model: Path) -> None:
    assert facts_of(call, "models", "show", model)["card"] is None


def test_fiji_doctor(call: Call, tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    facts = facts_of(call, "fiji", "doctor", "--fiji-home", tmp_path, status=1)
    assert facts["broken"] is True
    states = {row["state"] for row in facts["rows"]}
    assert "broken" in states
    assert states <= {"ok", "note", "broken"}
    assert all(row.keys() == {"topic", "found", "state", "remedy"} for row in facts["rows"])


def test_a_fault_prints_no_json(call: Call, tmp_path: Path) -> None:
    answer = call("denoise", tmp_path / "nowhere", tmp_path / "out", "--json")
    assert (answer.status, answer.out) == (2, "")
