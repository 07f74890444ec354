"""Drives that are full, slow, or not to be written to."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import SAID
from tests.faults.process import SLOWLY, begun, content, crispim, wait_for_planes

OUTPUTS = ["out", "out.tif", "out.zarr"]
OUTPUT = ["out", *(pytest.param(name, marks=pytest.mark.long) for name in OUTPUTS[1:])]
NOBODY = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes."""
    with (disk / "other").open("wb", buffering=0) as file:
        while os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize > left:
            file.write(bytes(4096))


@pytest.mark.parametrize("name", OUTPUT)
def test_a_full_drive(
    planes: Path, unbroken: Path, small_disk: Path, tmp_path: Path, name: str
) -> None:
    """It fills during the run; what is finished is kept, and gone on with on a larger one."""
    fill(small_disk, 36 * 1024)
    output = small_disk / name
    end = crispim("preprocess", planes, output, *SAID, before=SLOWLY)
    end.refused("no space is left", "free some")
    seen = content(output) if output.exists() else {}
    for file, pixels in seen.items():
        assert pixels == (unbroken / name / file).read_bytes()
    assert name == "out" or not seen
    (small_disk / "other").unlink()
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    crispim("preprocess", planes, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_files_no_larger_than_allowed(planes: Path, tmp_path: Path, name: str) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    end = crispim("preprocess", planes, tmp_path / name, *SAID, before=limit + ignore)
    end.refused("larger than its drive or your account allows")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def read_only(small_disk: Path) -> Iterator[Path]:
    """A drive that can't be written to."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk


@pytest.mark.parametrize("name", [*OUTPUT, "deep/er/out"])
def test_a_drive_that_is_only_read(planes: Path, read_only: Path, name: str) -> None:
    crispim("preprocess", planes, read_only / name, *SAID).refused("can't be written")
    assert not list(read_only.iterdir())


@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
def test_a_drive_that_is_pulled_out(
    planes: Path, unbroken: Path, tmp_path: Path, name: str
) -> None:
    """Its folder is gone in the middle of the run, and is there again for the next."""
    drive, output = tmp_path / "drive", tmp_path / "drive" / name
    run = begun("preprocess", planes, output, *SAID, before=SLOWLY)
    wait_for_planes(run, output)
    drive.rename(tmp_path / "away")
    run.ended().refused("can't be written")
    (tmp_path / "away").rename(drive)
    if name == "out":
        for file, pixels in content(output).items():
            assert pixels == (unbroken / name / file).read_bytes()
    crispim("preprocess", planes, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)


@pytest.mark.parametrize("name", OUTPUT)
def test_no_right_to_write(planes: Path, strangers_folder: Path, name: str) -> None:
    source = shutil.copytree(planes, strangers_folder / "in")
    end = crispim("preprocess", source, strangers_folder / name, *SAID, before=NOBODY, HOME="/")
    end.refused("can't be written for lack of permission")
    assert [path.name for path in strangers_folder.iterdir()] == ["in"]


def test_no_right_to_read(planes: Path, strangers_folder: Path) -> None:
    source = shutil.copytree(planes, strangers_folder / "in")
    (source / "04.tif").chmod(0)
    open_to_all = strangers_folder / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    end = crispim("preprocess", source, open_to_all / "out", *SAID, before=NOBODY, HOME="/")
    end.refused("04.tif", "can't be read for lack of permission")
    assert not list(open_to_all.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_slow_drive(planes: Path, unbroken: Path, tmp_path: Path, name: str) -> None:
    """Each file opened, written, made safe or renamed takes 20 ms, as over a network."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which slows system calls")
    output = tmp_path / name
    run = begun("preprocess", planes, output, *SAID, before="import time; time.sleep(1)\n")
    calls = "fsync,rename,renameat,renameat2,pread64,mkdir,unlink,link"
    slowed = f"inject={calls}:delay_enter=20000"
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", slowed]
    with subprocess.Popen([*words, "-p", str(run.pid)], stderr=subprocess.PIPE) as tracer:
        run.ended(300).well()
        tracer.wait(60)
    assert content(output) == content(unbroken / name)
