"""Workers and clients that are killed in the middle of a run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.cluster import (
    ClusterClient,
    ClusterSettings,
    denoise_on,
    open_client,
    preprocess_on,
)
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.jobs import (
    DenoiseJob,
    Output,
    PreprocessJob,
    denoise_locally,
    plan_denoising,
    plan_preprocessing,
    preprocess_locally,
)
from crispim_ij.models import Model
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import Source, open_source
from crispim_ij.preprocessing import PreprocessSettings
from tests.cli.conftest import Call
from tests.cluster.processes import Dask, content, wait_until

# So that what is finished is seen while most of it is not.
COMMAND = """
from crispim_ij.planes import journal
journal.SECONDS_BETWEEN_SYNCS = 0.02
from crispim_ij.cli.main import run
run()
"""


def stack(folder: Path, count: int, side: int) -> Path:
    folder.mkdir()
    for k in range(count):
        plane = np.random.default_rng(k).gamma(4, 60, (side, side)).astype(np.uint16)
        tifffile.imwrite(folder / f"{k:04}.tif", plane)
    return folder


class Denoising:
    """Here and on workers."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def planned(self, planes: Source, output: Path) -> DenoiseJob:
        return plan_denoising(planes, [Output(output)], self.model, DenoiseSettings())

    def here(self, planes: Source, output: Path) -> Generator[float, None, None]:
        return denoise_locally(self.planned(planes, output))

    def there(
        self, client: ClusterClient, planes: Source, output: Path
    ) -> Generator[float, None, None]:
        return denoise_on(client, self.planned(planes, output))


class Preprocessing:
    """Here and on workers."""

    def planned(self, planes: Source, output: Path) -> PreprocessJob:
        settings = PreprocessSettings(2.0, seed=5)
        return plan_preprocessing(planes, [Output(output)], settings, NativeImageJ)

    def here(self, planes: Source, output: Path) -> Generator[float, None, None]:
        return preprocess_locally(self.planned(planes, output))

    def there(
        self, client: ClusterClient, planes: Source, output: Path
    ) -> Generator[float, None, None]:
        return preprocess_on(client, self.planned(planes, output))


@pytest.mark.long
def test_a_worker_killed_while_they_denoise(dask: Dask, model: Model, tmp_path: Path) -> None:
    work, shares = Denoising(model), []
    with open_source(stack(tmp_path / "in", 24, 128)) as planes:
        list(work.here(planes, tmp_path / "here"))
        with open_client(ClusterSettings(dask.address)) as client:
            for share in filter(None, work.there(client, planes, tmp_path / "there")):
                if not shares:
                    dask.kill_worker()
                shares.append(share)
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert len(shares) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out", "out.tif"])
@pytest.mark.parametrize("what", ["preprocess", "denoise"])
def test_a_worker_killed_every_5_s_for_a_minute(
    model: Model, tmp_path: Path, what: str, name: str
) -> None:
    """A machine where TensorFlow takes longer to start than workers live never ends it."""
    work, count, side = {
        "preprocess": (Preprocessing(), 250, 800),
        "denoise": (Denoising(model), 100, 256),
    }[what]
    (tmp_path / "dask").mkdir()
    dask = Dask(tmp_path / "dask")
    for _ in range(4):
        dask.start_worker()
    runs = hits = 0
    try:
        with open_source(stack(tmp_path / "in", count, side)) as planes:
            list(work.here(planes, tmp_path / f"here-{name}"))
            expected = content(tmp_path / f"here-{name}")
            begin = time.monotonic()
            with dask.killing(5) as kills:
                while time.monotonic() < begin + 60:
                    output, before = tmp_path / f"{runs}-{name}", len(kills)
                    with open_client(ClusterSettings(dask.address)) as client:
                        list(work.there(client, planes, output))
                    runs, hits = runs + 1, hits + len(kills) - before
                    assert content(output) == expected
                    shutil.rmtree(output) if output.is_dir() else output.unlink()
    finally:
        dask.stop()
    print(f"{what} {name}: {runs} x {count} planes, {hits} workers killed meanwhile")
    assert hits > 5


def cluster_run(arguments: list[object]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def something_is_finished(journal: Path) -> bool:
    return journal.exists() and b"done" in journal.read_bytes()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    "where", [pytest.param("--scheduler", marks=pytest.mark.slow), "--cluster"]
)
def test_a_client_that_is_killed_is_gone_on_with(
    call: Call, dask: Dask, model: Model, tmp_path: Path, where: str
) -> None:
    source = stack(tmp_path / "in", 250, 400)
    said = ["preprocess", source, tmp_path / "out.tif", "--seed", 3, "--factor", 1.5]
    how = [where, dask.address] if where == "--scheduler" else [where, "local", "--workers", 2]
    with cluster_run([*said, *how]) as run:
        wait_until(lambda: something_is_finished(tmp_path / ".crispim-out.tif.journal"))
        ours = _children(run.pid)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "out.tif").exists()
    wait_until(lambda: not any(_alive(process) for process in ours))
    refused = call(*said, *how)
    assert refused.status == 2
    assert "--resume" in refused.err
    answer = call(*said, *how, "--resume")
    assert answer.status == 0, answer.err
    assert call(*said[:2], tmp_path / "here.tif", *said[3:]).status == 0
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "here.tif").read_bytes()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("where", ["--scheduler", "--cluster"])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_says_how_to_go_on(dask: Dask, tmp_path: Path, where: str) -> None:
    source = stack(tmp_path / "in", 250, 400)
    said = ["preprocess", source, tmp_path / "out", "--seed", 3, "--factor", 1.5]
    how = [where, dask.address] if where == "--scheduler" else [where, "local", "--workers", 2]
    with cluster_run([*said, *how]) as run:
        wait_until(lambda: something_is_finished(tmp_path / "out/.crispim-journal"))
        ours = _children(run.pid)
        assert bool(ours) == (where == "--cluster")
        # As a terminal does, to all of the group that read from it.
        for process in (run.pid, *ours):
            os.kill(process, signal.SIGINT)
        printed = run.communicate()[0].decode()
    assert run.returncode == 130, printed
    assert "is kept: --resume continues it." in printed
    assert "Traceback" not in printed
    wait_until(lambda: not any(_alive(process) for process in ours))


def _children(process: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(process).children(recursive=True)]


def _alive(process: int) -> bool:
    import psutil

    return psutil.pid_exists(process) and psutil.Process(process).status() != "zombie"
