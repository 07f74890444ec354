"""Ctrl-C, once and twice."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import SAID
from tests.faults.process import SLOWLY, begun, content, crispim, wait_for_planes

# The processes are forked by one that can be interrupted, see `tests.faults.process`.
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

STUCK = """
import pathlib, time
from crispim_ij.planes import tiff_read
read = tiff_read.FolderSource.read
def stuck(self, index):
    if index == 5:
        (pathlib.Path(sys.argv[3]).parent / "stuck").touch()
        time.sleep(60)
    return read(self, index)
tiff_read.FolderSource.read = stuck
"""

FINALIZES = """
import pathlib, sys, time
from crispim_ij import jobs
class Slow:
    def __del__(self):
        (pathlib.Path(sys.argv[3]).parent / "finalizes").touch()
        time.sleep(30)
preprocess = jobs.preprocess_locally
def finalizes(*said, **more):
    Slow()
    return preprocess(*said, **more)
jobs.preprocess_locally = finalizes
"""


@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
def test_once_stops_in_order(planes: Path, unbroken: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    run = begun("preprocess", planes, output, *SAID, before=SLOWLY)
    wait_for_planes(run, output)
    run.signal(signal.SIGINT)
    end = run.ended()
    assert end.status == 130
    assert "Traceback" not in end.err
    assert f"What is finished of {output} is kept: --resume continues it." in end.err
    crispim("preprocess", planes, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)


@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
def test_twice_ends_at_once(planes: Path, unbroken: Path, tmp_path: Path, name: str) -> None:
    """Though a thread waits for a drive that doesn't answer for a minute."""
    output = tmp_path / name
    run = begun("preprocess", planes, output, *SAID, before=SLOWLY + STUCK)
    while not (tmp_path / "stuck").exists():
        assert run.alive()
        time.sleep(0.01)
    wait_for_planes(run, output)
    run.signal(signal.SIGINT)
    time.sleep(0.5)
    assert run.alive()
    start = time.monotonic()
    run.signal(signal.SIGINT)
    end = run.ended()
    assert time.monotonic() - start < 5
    assert end.status == 130
    assert "Traceback" not in end.err
    if name == "out.tif":
        assert not output.exists()
    for file, pixels in content(output).items() if name == "out" else ():
        assert pixels == (unbroken / "out" / file).read_bytes()
    crispim("preprocess", planes, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)


def test_one_that_python_drops_comes_again(planes: Path, tmp_path: Path) -> None:
    """As it drops what is raised in a finalizer."""
    run = begun("preprocess", planes, tmp_path / "out", *SAID, before=FINALIZES + SLOWLY)
    while not (tmp_path / "finalizes").exists():
        assert run.alive()
        time.sleep(0.01)
    run.signal(signal.SIGINT)
    end = run.ended()
    assert end.status == 130, end.err
    assert "Traceback" not in end.err


def test_it_stays_ignored_in_the_background(planes: Path, unbroken: Path, tmp_path: Path) -> None:
    """As a shell wants it for a command with '&'."""
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    run = begun("preprocess", planes, tmp_path / "out", *SAID, before=ignoring + SLOWLY)
    wait_for_planes(run, tmp_path / "out")
    run.signal(signal.SIGINT)
    run.ended().well()
    assert content(tmp_path / "out") == content(unbroken / "out")
