"""What every test may ask for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import typer.main
from hypothesis import settings

from tests import interrupts

# How long an example takes says more of the machine than of the code.
settings.register_profile("crispim-ij", deadline=None)
settings.load_profile("crispim-ij")

# A process runs one command, and its commands are built for that; a test runs many.
typer.main.get_command = cache(typer.main.get_command)


WHOLE_ROOMS = (
    "denoising",
    "macros",
    "imagej",
    "exporting",
    "faults",
    "training",
    "report",
    "cluster",
    "napari",
)
"""Those whose tests share what takes long to begin: processes, runs, networks; longest first."""


def room_of(nodeid: str) -> str:
    """The folder below tests, or the file, that a test is in."""
    return nodeid.split("::")[0].split("/")[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a worker files, or a whole room where each worker would begin the same anew."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            room = room_of(nodeid)
            return room if room in WHOLE_ROOMS else str(super()._split_scope(nodeid))

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest rooms, or at the end one worker has them and the others nothing."""
    items.sort(key=lambda item: (*WHOLE_ROOMS, room := room_of(item.nodeid)).index(room))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal, also for the processes that the test starts."""
    with interrupts.interruptible():
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB, where the tests may mount one."""
    point = tmp_path / "disk"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(point)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("may not mount a file system here")
    yield point
    subprocess.run(["umount", str(point)], check=True)


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """A folder that anyone may enter, but only its owner may write to.

    It isn't one of pytest's, which each run of pytest closes to others.
    """
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can become someone without rights")
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
