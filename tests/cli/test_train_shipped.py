from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.models import load_model
from crispim_ij.phantom import PhantomSettings
from crispim_ij.training import shipped
from tests.cli.conftest import Call

FEW = ("train/dlmbmap-soma", "train/trailmap-axons:half", "phantom-0")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small stacks, and the runs with few of them."""
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    for name in ("dlmbmap-soma", "trailmap-axons"):
        planes = np.random.default_rng(1).gamma(4, 60, (6, 264, 264)).astype(np.uint16)
        tifffile.imwrite(folder / f"train/{name}.tif", planes, photometric="minisblack")
    plan = shipped._plan()
    plan["sets"] = dict.fromkeys(plan["sets"], FEW)
    monkeypatch.setattr(shipped, "_plan", lambda: plan)
    small = {"phantom-0": PhantomSettings((6, 130, 140), 0)}
    monkeypatch.setattr(shipped, "phantoms", lambda: small)
    return folder


@pytest.mark.slow
def test_a_shipped_model_is_made_again(call: Call, data: Path, tmp_path: Path) -> None:
    command = ("models", "train-shipped", "crispim-2d", data, tmp_path / "out", "--steps", 1)
    done = call(*command)
    assert done.status == 0, done.err
    with tifffile.TiffFile(tmp_path / "out/stacks/phantom-0.tif") as simulated:
        assert simulated.series[0].axes == "ZYX"
    first, last = (
        load_model(tmp_path / "out" / name) for name in ("crispim-2d-first", "crispim-2d")
    )
    assert first.spec.architecture == "stabilised-2d"
    assert last.spec.provenance["started_from"]["name"] == "crispim-2d-first"
    assert len(last.spec.provenance["data"]) == len(FEW)
    assert call(*command).err.count("exists already") == 2


def test_stacks_must_be_there(call: Call, data: Path, tmp_path: Path) -> None:
    (data / "train/dlmbmap-soma.tif").unlink()
    done = call("models", "train-shipped", "crispim-2d", data, tmp_path / "out")
    assert done.status == 2
    assert "lacks dlmbmap-soma.tif" in done.err


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_says_what_continues_it(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object, on_step, **__: object) -> None:  # type: ignore[no-untyped-def]
        signal.raise_signal(signal.SIGINT)
        on_step(1, None)

    monkeypatch.setattr("crispim_ij.training.job.train", train)
    answer = call("models", "train-shipped", "crispim-2d", data, tmp_path / "out")
    assert answer.status == 130
    said = " ".join(answer.err.split())
    assert "was interrupted; the same command continues from the last checkpoint" in said
