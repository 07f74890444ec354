from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source

Copy = Callable[..., Path]


# Nothing half-written


def write_some_and_fail(
    folder: Path, output: Path, error: type[BaseException], compression: str = "none"
) -> None:
    """Copy six of twelve planes and raise."""
    settings = SinkSettings(compression=compression)
    with open_source(folder) as source, create_sink(output, source, settings) as sink:
        for k in range(6):
            sink.write(k, source.read(k))
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("compression", ["none", "zlib"])
@pytest.mark.parametrize("name", ["deep/er/out", "deep/er/out.tif"])
def test_an_exception_leaves_nothing(
    folder: Path, tmp_path: Path, name: str, compression: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        write_some_and_fail(folder, tmp_path / name, error, compression)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["planes"]


def test_an_exception_spares_what_others_wrote(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("x")
    with pytest.raises(RuntimeError):
        write_some_and_fail(folder, output, RuntimeError)
    assert [p.name for p in output.iterdir()] == ["mine.txt"]


def test_a_stack_appears_when_it_is_whole(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    output.write_bytes(b"old")
    with (
        open_source(folder) as source,
        create_sink(output, source, SinkSettings(overwrite=True)) as sink,
    ):
        for k in range(12):
            sink.write(k, source.read(k))
            assert output.read_bytes() == b"old"
    assert tifffile.imread(output).shape == (12, 5, 6)
    assert not list(tmp_path.glob(".*"))


def test_what_a_killed_run_left_is_removed(folder: Path, tmp_path: Path, copy: Copy) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / ".crispim-old.tif.partial").write_text("half")
    (output / ".other.partial").write_text("someone else's")
    copy(folder, output)
    assert [p.name for p in output.glob(".*")] == [".other.partial"]


def test_a_late_thread_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with open_source(folder) as source:
        with create_sink(tmp_path / "out", source) as sink:
            sink.write(0, source.read(0))
        with pytest.raises(RuntimeError, match="after the end"):
            sink.write(1, source.read(1))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["1.tif"]


# What the system refuses

COPY = """
import os, resource, sys
from crispim_ij.errors import CrispimError
from crispim_ij.planes import create_sink, open_source
from crispim_ij.planes.atomic import whole_file
import imagecodecs  # before rights to read the library are given up
if sys.argv[3] == "nobody":
    os.setgid(65534)
    os.setuid(65534)
elif sys.argv[3] == "limit":
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    with open_source(sys.argv[1]) as source, create_sink(sys.argv[2], source) as sink:
        for k in range(len(source)):
            sink.write(k, source.read(k))
except CrispimError as error:
    print(error)
"""


def run_copy(source: Path, output: Path, how: str) -> str:
    """Copy in a process of its own and return the sentence that it prints."""
    command = [sys.executable, "-c", COPY, str(source), str(output), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX limits and users")


@posix
@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_file_too_large(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.zeros((9, 60, 60), np.uint16), photometric="minisblack")
    sentence = run_copy(path, tmp_path / "new" / name, "limit")
    assert "larger than its drive or your account allows" in sentence
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.tif"]


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_no_space_left(tmp_path: Path, small_disk: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.zeros((20, 60, 60), np.uint16), photometric="minisblack")
    sentence = run_copy(path, small_disk / name, "")
    assert "no space is left" in sentence
    assert not list(small_disk.iterdir())


def test_no_space_for_a_plane(folder: Path, small_disk: Path) -> None:
    output = small_disk / "out"
    with open_source(folder) as source, create_sink(output, source) as sink:
        fill(small_disk)
        with pytest.raises(CrispimError, match=r"1\.tif' can't be written because no space"):
            sink.write(0, source.read(0))
        assert [file.suffix for file in output.iterdir()] == [".lock"]


def fill(disk: Path) -> None:
    """Leave no space."""
    with suppress(OSError), (disk / "full").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_no_right_to_write(strangers_folder: Path, folder: Path) -> None:
    planes = shutil.copytree(folder, strangers_folder / "planes")
    for name in ("out", "out.tif", "deep/out.tif"):
        sentence = run_copy(planes, strangers_folder / name, "nobody")
        assert "can't be written for lack of permission" in sentence


def test_no_right_to_read(strangers_folder: Path, folder: Path) -> None:
    planes = shutil.copytree(folder, strangers_folder / "planes")
    (planes / "4.tif").chmod(0)
    assert "4.tif' can't be read for lack of permission" in run_copy(
        planes, strangers_folder / "o", "nobody"
    )
    (planes / "4.tif").chmod(0o644)
    planes.chmod(0o700)
    assert "can't be read for lack of permission" in run_copy(
        planes, strangers_folder / "o", "nobody"
    )
