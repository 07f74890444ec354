"""What --dry-run tells and refuses, and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import SinkSettings, create_sink, open_source
from crispim_ij.planes.journal import journal_of
from tests.cli.conftest import Answer, Call


def content(folder: Path) -> dict[str, int]:
    """Every file and folder with its time of change."""
    return {str(path): path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def dry(call: Call, folder: Path, *given: object) -> Answer:
    """Run a command dry, and look that the folder is as it was."""
    before = content(folder)
    answer = call(*given, "--dry-run")
    assert content(folder) == before
    return answer


def test_denoise(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    given = ["denoise", noisy, tmp_path / "a/b/out.zarr", "--model", model, "--dtype", "float32"]
    answer = dry(call, tmp_path, *given)
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == f"Would read 3 planes of 60 x 40 px, uint16, from {noisy}"
    assert lines[1].startswith("Would write 3 planes of 60 x 40 px, float32, to ")
    assert lines[2].startswith("Disk: at most 28.8 kB are needed; ")
    assert lines[3].startswith("Model: name random, sha256 ")
    assert lines[-1] == "Nothing was written."
    facts = json.loads(dry(call, tmp_path, *given, "--json").out)
    assert facts["dry run"] is True
    assert facts["outputs"][0]["bytes"] == 3 * 40 * 60 * 4


def test_denoise_refuses_as_the_run_does(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = ["denoise", noisy, out, "--model", model]
    assert call(*given).status == 0
    assert "exists already" in dry(call, tmp_path, *given).err
    same = dry(call, tmp_path, *given, "--resume")
    assert same.status == 0, same.err
    other = [*given, "--resume", "--tile", 64]
    refused = dry(call, tmp_path, *other)
    assert refused.status == 2
    assert refused.err == call(*other).err
    assert "--tile was 1024 when it was begun and is 64 now" in " ".join(refused.err.split())
    lock = journal_of(out).with_suffix(".lock")
    with open_source(noisy) as source, create_sink(out, source, SinkSettings(overwrite=True)):
        assert lock.exists()
        busy = call(*given, "--overwrite", "--dry-run")
        assert "another run is writing to" in busy.err
        assert lock.exists()


def test_denoise_refuses_slices_that_are_none(call: Call, tmp_path: Path, noisy: Path) -> None:
    from crispim_ij.models import save_model
    from crispim_ij.networks import build

    deep = save_model(build("paper-3d"), "paper-3d", tmp_path / "deep", {}).folder
    with open_source(noisy) as source:
        planes = np.stack([source.read(index) for index in range(3)])
    tifffile.imwrite(tmp_path / "in.tif", planes, imagej=True, metadata={"axes": "TYX"})
    given = ["denoise", tmp_path / "in.tif", tmp_path / "out", "--model", deep]
    answer = dry(call, tmp_path, *given)
    assert answer.status == 2
    assert "one slice for each channel and time point" in " ".join(answer.err.split())


def test_preprocess(call: Call, noisy: Path, tmp_path: Path) -> None:
    given = ["preprocess", noisy, tmp_path / "out", "--clean", tmp_path / "clean.tif"]
    answer = dry(call, tmp_path, *given, "--seed", 3)
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert [line for line in lines if line.startswith("Would write")] == [
        f"Would write 3 planes of 15 x 10 px, uint16, to {tmp_path / 'out'}",
        f"Would write 3 planes of 15 x 10 px, uint16, to {tmp_path / 'clean.tif'}",
    ]
    (tmp_path / "clean.tif").touch()
    answer = dry(call, tmp_path, *given)
    assert answer.status == 2
    assert "exists already" in answer.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--patch", "128"], "smaller than the patch"),
        (["--resume"], "holds no checkpoint.keras"),
        (["--start-from", "qqq"], "There is no model 'qqq'"),
    ],
)
def test_train_refuses_as_the_run_does(
    call: Call, noisy: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    answer = dry(
        call, tmp_path, "train", tmp_path / "mine", "--clean", noisy, "--patch", 32, *options
    )
    assert answer.status == 2
    assert says in " ".join(answer.err.split())


@pytest.mark.long
def test_train(call: Call, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["--patch", 32, "--batch", 2, "--steps", 5]
    given = ["train", tmp_path / "mine", "--clean", noisy, *small]
    answer = dry(call, tmp_path, *given, "--json")
    assert answer.status == 0, answer.err
    facts = json.loads(answer.out)
    assert facts["inputs"][0]["planes"] == 3
    assert facts["network"] == {"architecture": "stabilised-2d", "weights": 896769}
    assert (facts["steps"], facts["patch"]) == (5, 32)
    assert facts["outputs"][0]["bytes"] > 4 * 896769
    assert facts["seconds"] > 0
    monkeypatch.setattr("crispim_ij.training.job.seconds_a_step", lambda *_: 1.0)  # takes seconds
    said = dry(call, tmp_path, *given).out
    assert "Would write a model, to " in said
    assert "Time: about " in said
