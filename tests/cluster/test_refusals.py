from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crispim_ij.models import Model, save_model
from crispim_ij.networks import build
from tests.cli.conftest import Call
from tests.cluster import slurm_standin
from tests.cluster.processes import Dask
from tests.cluster.test_batch import CONFIG
from tests.cluster.test_deaths import COMMAND


def refusal(call: Call, *said: object) -> str:
    """Return the one sentence that a command is refused with."""
    answer = call(*said)
    assert answer.status == 2
    assert answer.err.count("Error: ") == 1
    return " ".join(answer.err.split("Error: ")[1].split())


@pytest.mark.parametrize("command", ["denoise", "preprocess"])
def test_options_that_contradict_each_other(
    call: Call, planes: Path, tmp_path: Path, command: str
) -> None:
    said = (command, planes, tmp_path / "out")
    both = refusal(call, *said, "--scheduler", "tcp://127.0.0.1:1", "--cluster", "local")
    assert "give one of them" in both
    given = refusal(call, *said, "--scheduler", "tcp://127.0.0.1:1", "--workers", 2)
    assert "those of --scheduler exist already: leave it out" in given
    assert list(tmp_path.iterdir()) == []


def test_workers_of_nothing(call: Call, planes: Path, tmp_path: Path) -> None:
    assert "--cluster starts: add that" in refusal(
        call, "denoise", planes, tmp_path / "out", "--workers", 2
    )


@pytest.mark.parametrize("where", [("--scheduler", "tcp://127.0.0.1:1"), ("--cluster", "local")])
def test_fiji(call: Call, planes: Path, tmp_path: Path, where: tuple[str, str]) -> None:
    said = refusal(call, "preprocess", planes, tmp_path / "out", "--fiji", *where)
    assert said.endswith("leave --fiji out, whose pixels are the same.")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x", ":::"])
def test_no_scheduler(
    call: Call, planes: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crispim_ij.cluster.client.PATIENCE", "1s")
    said = refusal(call, "preprocess", planes, tmp_path / "out", "--scheduler", address)
    assert f"No Dask scheduler answers at {address!r} (--scheduler)" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "command"), [("slurm", "sbatch"), ("lsf", "bsub"), ("pbs", "qsub")]
)
def test_no_batch_system(call: Call, planes: Path, tmp_path: Path, kind: str, command: str) -> None:
    if shutil.which(command):
        pytest.skip(f"has {command}")
    said = refusal(call, "preprocess", planes, tmp_path / "out", "--cluster", kind)
    assert f"There is no command `{command}` here" in said


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "dask-jobqueue can't make jobs of its configuration ("),
        pytest.param(
            CONFIG | {"NO_SUCH_QUEUE": "1"},
            "`sbatch` refuses a job (sbatch: error: invalid partition",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_batch_system_that_is_not_set_up(
    planes: Path, tmp_path: Path, config: dict[str, str], words: str
) -> None:
    slurm_standin.install(tmp_path)
    env = os.environ | config | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    said = ["preprocess", str(planes), str(tmp_path / "out"), "--cluster", "slurm"]
    run = subprocess.run(
        [sys.executable, "-c", COMMAND, *said], capture_output=True, text=True, check=False, env=env
    )
    assert run.returncode == 2, run.stderr
    assert f"Error: {words}" in " ".join(run.stderr.split())
    assert "~/.config/dask/jobqueue.yaml" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()


def test_no_dask(planes: Path, tmp_path: Path) -> None:
    blocked = f"import sys; sys.modules['distributed'] = None; {COMMAND}"
    said = ["preprocess", str(planes), str(tmp_path / "out"), "--cluster", "local"]
    run = subprocess.run(
        [sys.executable, "-c", blocked, *said], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "pip install 'crispim-ij[cluster]'" in run.stderr
    assert "Traceback" not in run.stderr


OTHER_NUMPY = """
import importlib.metadata as metadata
real = metadata.version
metadata.version = lambda name: "1.0" if name == "numpy" else real(name)
"""


def test_workers_of_another_version(call: Call, planes: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(OTHER_NUMPY)
    dask = Dask(tmp_path)
    path = os.pathsep.join([str(tmp_path / "site"), dask.env["PYTHONPATH"]])
    dask.start_worker(PYTHONPATH=path)
    try:
        said = refusal(call, "preprocess", planes, tmp_path / "out", "--scheduler", dask.address)
    finally:
        dask.stop()
    assert "numpy is 1.0, but " in said
    assert said.startswith("On the worker ")
    assert not (tmp_path / "out").exists()


UNSEEN = """
import pathlib
real = pathlib.Path.stat
def stat(path, **how):
    if path.name == "5.tif":
        raise FileNotFoundError(2, "No such file or directory")
    return real(path, **how)
pathlib.Path.stat = stat
"""


@pytest.mark.long
def test_workers_that_do_not_see_the_input(call: Call, planes: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(UNSEEN)
    dask = Dask(tmp_path)
    path = os.pathsep.join([str(tmp_path / "site"), dask.env["PYTHONPATH"]])
    dask.start_worker(PYTHONPATH=path)
    try:
        said = refusal(call, "preprocess", planes, tmp_path / "out", "--scheduler", dask.address)
    finally:
        dask.stop()
    assert "5.tif' can't be read there (No such file or directory)" in said
    assert "under the same path" in said


@pytest.mark.long
def test_workers_with_another_model(
    call: Call, planes: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    save_model(build("paper-2d"), "paper-2d", theirs / "crispim-2d", {})
    dask = Dask(tmp_path)
    dask.start_worker(CRISPIM_MODELS=str(theirs))
    try:
        said = refusal(call, "denoise", planes, tmp_path / "out", "--scheduler", dask.address)
    finally:
        dask.stop()
    assert "model 'crispim-2d' is another one there (SHA-256 " in said
