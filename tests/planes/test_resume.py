"""Runs that stop, and the runs that go on with them; kills are in tests/faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import (
    SinkSettings,
    ZarrSettings,
    create_sink,
    open_source,
    recorded_options,
)
from crispim_ij.planes.journal import OutputLock

OUTPUTS = ["out", "out.tif", "z.tif", "run.tif", "out.zarr", "shards.zarr"]
OPTIONS = {"--tile": 64, "the model's SHA-256": "abc"}


@pytest.fixture
def planes(tmp_path: Path) -> NDArray[np.uint16]:
    """Eight planes in a stack `in.tif`."""
    stack = np.random.default_rng(0).integers(0, 60000, (8, 40, 50), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    return stack


def run(
    folder: Path,
    name: str,
    stop: int | None = None,
    options: dict[str, Any] = OPTIONS,
    error: type[BaseException] = KeyboardInterrupt,
    **settings: Any,
) -> list[int]:
    """Copy the planes, or stop before one; return those that were written now."""
    if name.endswith(".zarr"):
        shard = 32 if name.startswith("shards") else None
        settings["zarr"] = ZarrSettings(chunk=16, shard=shard, pyramid=True)
    if name == "z.tif":
        settings["compression"] = "zlib"
    written = []
    with open_source(folder / "in.tif") as source:
        sink = create_sink(folder / name, source, SinkSettings(**settings))
        sink.record(options)
        with sink:
            for k in range(len(source)):
                if k == stop:
                    raise error
                last = tuple(
                    (n - 1) // u * u for n, u in zip((40, 50), sink.write_shape, strict=True)
                )
                if not sink.has(k, (last[0], last[1])):
                    sink.write(k, source.read(k))
                    written.append(k)
    return written


def stopped(folder: Path, name: str, at: int, **settings: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(folder, name, at, **settings)


def content(path: Path) -> dict[str, bytes]:
    """Every file but the journal."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_bytes() for p in files if p.name != ".crispim-journal"}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("stops", [(3,), (1, 4, 7), (5, 5)])
def test_a_stopped_run_is_gone_on_with(
    tmp_path: Path, planes: NDArray[np.uint16], name: str, stops: tuple[int, ...]
) -> None:
    (tmp_path / "unbroken").mkdir()
    shutil.copy2(tmp_path / "in.tif", tmp_path / "unbroken")
    run(tmp_path / "unbroken", name)
    for stop in stops:
        stopped(tmp_path, name, stop, resume=True)
        if name != "out":
            assert not (tmp_path / name).exists()
    assert run(tmp_path, name, resume=True) == list(range(stops[-1], 8))
    assert content(tmp_path / name) == content(tmp_path / "unbroken" / name)
    left = {p.name for p in tmp_path.iterdir()} - {"in.tif", "unbroken", name}
    assert left == (set() if name == "out" else {f".crispim-{name}.journal"})
    assert run(tmp_path, name, resume=True) == []
    assert content(tmp_path / name) == content(tmp_path / "unbroken" / name)


@pytest.mark.parametrize("name", OUTPUTS)
def test_nothing_finished_leaves_nothing(
    tmp_path: Path, planes: NDArray[np.uint16], name: str
) -> None:
    stopped(tmp_path, name, 0)
    assert [p.name for p in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_begun_anew_or_gone_on_with_but_not_by_chance(
    tmp_path: Path, planes: NDArray[np.uint16], name: str
) -> None:
    stopped(tmp_path, name, 3)
    with pytest.raises(CrispimError, match="--overwrite"):
        run(tmp_path, name)
    assert run(tmp_path, name, overwrite=True) == list(range(8))


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"options": {**OPTIONS, "--tile": 32}}, "--tile was 64 when it was begun and is 32 now"),
        ({"options": {**OPTIONS, "the model's SHA-256": "x"}}, "the model's SHA-256 was"),
        ({"dtype": np.dtype("float32")}, "--dtype was"),
    ],
)
def test_another_option_is_refused(
    tmp_path: Path, planes: NDArray[np.uint16], name: str, change: dict[str, Any], words: str
) -> None:
    stopped(tmp_path, name, 3)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CrispimError, match=words):
        run(tmp_path, name, resume=True, **change)
    assert sorted(tmp_path.rglob("*")) == before
    assert run(tmp_path, name, resume=True) == list(range(3, 8))


def test_a_changed_input_is_refused(tmp_path: Path, planes: NDArray[np.uint16]) -> None:
    stopped(tmp_path, "out", 3)
    status = (tmp_path / "in.tif").stat()
    os.utime(tmp_path / "in.tif", ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    with pytest.raises(CrispimError, match=r"file 'in\.tif' has changed since.*--overwrite"):
        run(tmp_path, "out", resume=True)


def test_a_folder_that_lost_or_gained_a_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(3):
        tifffile.imwrite(folder / f"{k}.tif", np.full((9, 9), k, np.uint8))

    def go(resume: bool) -> None:
        with open_source(folder) as source:
            sink = create_sink(tmp_path / "out", source, SinkSettings(resume=resume))
            sink.record({})
            with sink:
                sink.write(0, source.read(0))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(resume=False)
    (folder / "2.tif").rename(tmp_path / "2.tif")
    with pytest.raises(CrispimError, match="shape was"):
        go(resume=True)
    tifffile.imwrite(folder / "3.tif", np.full((9, 9), 3, np.uint8))
    with pytest.raises(CrispimError, match=r"'2\.tif' is gone"):
        go(resume=True)
    (folder / "3.tif").unlink()
    (tmp_path / "2.tif").rename(folder / "2.tif")
    with pytest.raises(KeyboardInterrupt):
        go(resume=True)


def test_a_plane_that_someone_removed_is_made_again(
    tmp_path: Path, planes: NDArray[np.uint16]
) -> None:
    run(tmp_path, "out")
    (tmp_path / "out/in_0004.tif").unlink()
    assert run(tmp_path, "out", resume=True) == [4]
    (tmp_path / "out.tif").unlink(missing_ok=True)
    run(tmp_path, "out.tif")
    (tmp_path / "out.tif").unlink()
    assert run(tmp_path, "out.tif", resume=True) == list(range(8))


@pytest.mark.parametrize("cut", [1, 10, -1])
def test_a_torn_last_line_counts_for_nothing(
    tmp_path: Path, planes: NDArray[np.uint16], cut: int
) -> None:
    stopped(tmp_path, "out", 3)
    journal = tmp_path / "out/.crispim-journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
    assert run(tmp_path, "out", resume=True) == list(range(8))
    assert run(tmp_path, "out", resume=True) == []


def test_a_journal_without_a_first_line_is_none(tmp_path: Path, planes: NDArray[np.uint16]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.crispim-journal").write_text('{"crispim')
    assert run(tmp_path, "out", resume=True) == list(range(8))


def test_options_can_be_asked_for(tmp_path: Path, planes: NDArray[np.uint16]) -> None:
    assert recorded_options(tmp_path / "out.tif") == {}
    run(tmp_path, "out.tif")
    assert recorded_options(tmp_path / "out.tif") == OPTIONS


# Two runs into one output

HOLD = """
import sys
from pathlib import Path
from crispim_ij.planes import create_sink, open_source
with open_source(sys.argv[1]) as source, create_sink(sys.argv[2], source):
    print("in", flush=True)
    sys.stdin.read()
    raise SystemExit
"""


@pytest.mark.parametrize("name", ["out", "out.tif", "out.zarr"])
def test_the_second_run_is_refused(tmp_path: Path, planes: NDArray[np.uint16], name: str) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "in.tif"), str(tmp_path / name)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        before = sorted(tmp_path.rglob("*"))
        for settings in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(CrispimError, match=f"another run is writing to '.*{name}'"):
                run(tmp_path, name, **settings)
        assert sorted(tmp_path.rglob("*")) == before
        first.kill()
    # The lock has died with its process.
    assert run(tmp_path, name) == list(range(8))


def test_a_lock_leaves_no_file(tmp_path: Path) -> None:
    lock = OutputLock(tmp_path / "lock", tmp_path / "out")
    lock.acquire()
    with pytest.raises(CrispimError, match="another run"):
        OutputLock(tmp_path / "lock", tmp_path / "out").acquire()
    lock.release()
    lock.release()
    assert not list(tmp_path.iterdir())
    OutputLock(tmp_path / "lock", tmp_path / "out").acquire()


# A full disk


@pytest.mark.parametrize("name", ["out", "out.tif", "z.tif", "out.zarr"])
def test_a_full_disk_costs_nothing_that_is_finished(
    tmp_path: Path, small_disk: Path, name: str
) -> None:
    """More space is made by removing a file; then it is gone on with."""
    (small_disk / "other").write_bytes(bytes(36 * 1024))
    stack = np.random.default_rng(0).integers(0, 60000, (8, 30, 50), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack", metadata=None)

    def go(output: Path, resume: bool) -> int:
        with open_source(tmp_path / "in.tif") as source:
            sink = create_sink(output, source, SinkSettings(resume=resume))
            sink.record({})
            before = 0
            with sink:
                before = sink.finished_cells
                for k in range(len(source)):
                    if not sink.has(k):
                        sink.write(k, source.read(k))
                        # Each second, in life.
                        sink._journal.sync()  # type: ignore[attr-defined]
            return before

    with pytest.raises(CrispimError, match="no space is left"):
        go(small_disk / name, resume=False)
    (small_disk / "other").unlink()
    assert go(small_disk / name, resume=True) > 0
    go(tmp_path / name, resume=False)
    assert content(small_disk / name) == content(tmp_path / name)
