"""An acquisition whose run is killed again and again ends as one that wasn't."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.faults.process import SLOWLY, begun, crispim
from tests.faults.test_kills import drawn
from tests.told import told_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

KILLS = 5
HASTILY = SLOWLY.replace("time.sleep(0.02)", "time.sleep(0.002)")


def acquisition(folder: Path, planes: int) -> Path:
    """Write a tree of two channels, of four tiles each."""
    rng = np.random.default_rng(0)
    for channel, sd in (("Ex_488_Em_525", 20), ("Ex_561_Em_600", 40)):
        for tile in ("0/0_0", "0/0_5", "5/5_0", "5/5_5"):
            stack = folder / channel / tile
            stack.mkdir(parents=True)
            for k in range(planes):
                plane = rng.normal(300, sd, (32, 40)).round().astype(np.uint16)
                tifffile.imwrite(stack / f"{k:03}.tif", plane)
        (folder / channel / "terastitcher.xml").write_text(channel)
    (folder / "metadata.json").write_text("{}")
    return folder


def visible(folder: Path) -> dict[str, bytes]:
    """Every file that a user sees: results, records and copies."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name[0] != ".")
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def kill_and_resume(said: tuple[object, ...], output: Path, planes: int) -> None:
    """Kill a run five times, each time further on, and let it come to its end."""
    chance = drawn()
    for kill in range(KILLS):
        run = begun(*said, "--resume", before=HASTILY)
        wanted = planes * (kill + chance.random()) / (KILLS + 1)
        while len(list(output.rglob("*.tif"))) < wanted:
            assert run.alive(), run.err()
            time.sleep(0.02)
        run.signal(signal.SIGKILL)
        assert run.ended().status == -signal.SIGKILL
    crispim(*said, "--resume").well()


@pytest.mark.long
def test_preprocess(tmp_path: Path) -> None:
    source = acquisition(tmp_path / "in", 50)
    options = ("--factor", 2, "--seed", 1)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    crispim("preprocess", source, whole, *options).well()
    kill_and_resume(("preprocess", source, broken, *options), broken, 400)
    assert len(list(broken.rglob("*.tif"))) == 400
    assert (broken / "Ex_488_Em_525/terastitcher.xml").read_text() == "Ex_488_Em_525"
    assert visible(broken) == visible(whole)
    left = {file.name for file in broken.rglob(".*")}
    assert left <= {".crispim-journal"}


@pytest.mark.slow
def test_denoise_with_noise_that_is_measured(tmp_path: Path) -> None:
    source = acquisition(tmp_path / "in", 12)
    options = ("--model", told_model(tmp_path / "told").folder)
    crispim("denoise", source, tmp_path / "whole", *options).well()
    broken = tmp_path / "broken"
    kill_and_resume(("denoise", source, broken, *options), broken, 96)
    assert visible(broken) == visible(tmp_path / "whole")
