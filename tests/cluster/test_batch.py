"""Workers that are jobs of a batch system."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.cluster import slurm_standin
from tests.cluster.processes import content, wait_until
from tests.cluster.test_deaths import COMMAND, something_is_finished, stack

CONFIG = {
    "DASK_JOBQUEUE__SLURM__CORES": "1",
    "DASK_JOBQUEUE__SLURM__PROCESSES": "1",
    "DASK_JOBQUEUE__SLURM__MEMORY": "4GB",
    "DASK_JOBQUEUE__SLURM__SCHEDULER_OPTIONS": "{'host': '127.0.0.1', 'dashboard_address': ':0'}",
}


def preprocess(source: Path, output: Path, *options: str, **env: str) -> subprocess.Popen[str]:
    said = ["preprocess", source, output, "--seed", "3", "--factor", "1.5", *options]
    command = [sys.executable, "-c", COMMAND, *map(str, said)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | env
    )


def run_to_the_end(source: Path, output: Path, *options: str, **env: str) -> str:
    with preprocess(source, output, *options, **env) as run:
        said = run.communicate()[0]
    assert run.returncode == 0, said
    return said


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_jobs_of_slurm_one_of_which_is_killed(tmp_path: Path) -> None:
    """Its commands are stand-ins, the jobs' scripts and processes real."""
    (tmp_path / "bin").mkdir()
    jobs = slurm_standin.install(tmp_path / "bin")
    env = CONFIG | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    source = stack(tmp_path / "in", 250, 400)
    options = ("--cluster", "slurm", "--workers", "2")
    with preprocess(source, tmp_path / "out", *options, **env) as run:
        wait_until(lambda: something_is_finished(tmp_path / "out/.crispim-journal"))
        os.killpg(slurm_standin.pids(jobs)[0], signal.SIGKILL)
        said = run.communicate()[0]
    assert run.returncode == 0, said
    assert "Dask dashboard: http" in said
    assert len(slurm_standin.pids(jobs)) >= 2
    wait_until(lambda: not any(_runs(group) for group in slurm_standin.pids(jobs)))
    run_to_the_end(source, tmp_path / "here")
    assert content(tmp_path / "out") == content(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sbatch") is None, reason="needs Slurm and its jobqueue.yaml")
def test_jobs_of_a_real_slurm(tmp_path: Path) -> None:
    """On a drive that all nodes share: --basetemp."""
    source = stack(tmp_path / "in", 50, 400)
    run_to_the_end(source, tmp_path / "out", "--cluster", "slurm", "--workers", "2")
    run_to_the_end(source, tmp_path / "here")
    assert content(tmp_path / "out") == content(tmp_path / "here")


def _runs(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != "zombie"
