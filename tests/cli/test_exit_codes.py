"""What a process ends with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Call

COMMAND = [sys.executable, "-c", "from crispim_ij.cli.main import run; run()"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def ended(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize(("given", "status"), [("models list", 0), ("denoise nowhere out", 2)])
def test_a_process_ends_with_what_the_command_does(given: str, status: int) -> None:
    answer = ended(*given.split())
    assert answer.returncode == status
    assert "Traceback" not in answer.stderr
    assert bool(answer.stderr) == bool(status)


@pytest.mark.parametrize("given", ["models list", "--version", "--help", "denoise --help"])
def test_done(call: Call, given: str) -> None:
    answer = call(*given.split())
    assert (answer.status, answer.err) == (0, "")


def test_a_check_says_no(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    answer = ended("fiji", "doctor", "--fiji-home", tmp_path)
    assert answer.returncode == 1, answer.stderr
    assert "broken" in answer.stdout


@pytest.mark.parametrize(
    "given", ["denoise nowhere out", "denoise", "denoise --qqq", "qqq", "denoise a b --tile 0", ""]
)
def test_a_fault_that_can_be_mended(call: Call, given: str) -> None:
    answer = call(*given.split())
    assert answer.status == 2
    assert "Traceback" not in answer.err


def test_a_traceback_changes_nothing(tmp_path: Path) -> None:
    answer = ended("denoise", tmp_path / "nowhere", "out", "--debug")
    assert answer.returncode == 2
    assert "Traceback" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Error: ")


@posix
@pytest.mark.usefixtures("interruptible")
def test_interrupted(tmp_path: Path) -> None:
    stack = np.zeros((400, 256, 256), np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    options = ["--factor", "1", "--workers", "1"]
    command = [*COMMAND, "preprocess", str(tmp_path / "in.tif"), str(tmp_path / "out"), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and not list(tmp_path.glob("out/*.tif")):
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        said = run.communicate()[1]
    assert run.returncode == 130, said
    assert "is kept: --resume continues it" in " ".join(said.split())
    assert "Traceback" not in said
    assert 0 < len(list(tmp_path.glob("out/*.tif"))) < 400


@pytest.mark.usefixtures("interruptible")
def test_training_that_is_interrupted(
    call: Call, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object, on_step, **__: object) -> None:  # type: ignore[no-untyped-def]
        signal.raise_signal(signal.SIGINT)
        on_step(1, None)

    monkeypatch.setattr("crispim_ij.training.job.train", train)
    answer = call("train", tmp_path / "model", "--clean", noisy, "--patch", 32)
    assert answer.status == 130
    assert "the same command with --resume continues" in " ".join(answer.err.split())
