"""Runs that are killed at any instant, and the runs that go on with them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Call
from tests.faults.conftest import SAID
from tests.faults.process import SLOWLY, Run, begun, content, crispim, wait_for_planes

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
COPY = """
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
if sys.argv[2].endswith("zarr"):
    from crispim_ij.planes import ome_zarr_write
    put = ome_zarr_write.ZarrArrays.write
    def slower(self, *arguments):
        time.sleep(0.002)
        put(self, *arguments)
    ome_zarr_write.ZarrArrays.write = slower
packing = "zstd" if sys.argv[2].endswith("z.tif") else "none"
zarr = ZarrSettings(chunk=16, shard=32, pyramid=True)
with open_source(sys.argv[1]) as source:
    chosen = SinkSettings(resume=True, compression=packing, zarr=zarr)
    sink = create_sink(sys.argv[2], source, chosen)
    sink.record({})
    with sink:
        rows, columns = sink.write_shape
        for k in range(len(source)):
            plane = source.read(k)
            for at in ((r, c) for r in range(0, 64, rows) for c in range(0, 80, columns)):
                if not sink.has(k, at):
                    sink.write(k, plane[at[0] : at[0] + rows, at[1] : at[1] + columns], at)
"""
OUTPUTS = ["out", "out.tif", "z.tif", "out.zarr"]


def copying(source: Path, output: Path) -> Run:
    """Begin to copy planes to an output, or to go on with it."""
    return Run(SLOWLY + COPY, source, output)


def killed(run: Run, lock: Path, after: float) -> bool:
    """Kill a run so many seconds after it began to write; return whether."""
    while run.alive() and not lock.exists():
        time.sleep(0.002)
    time.sleep(after)
    run.signal(signal.SIGKILL)
    end = run.ended()
    assert end.status in (0, -signal.SIGKILL), end.err
    return end.status != 0


def kill_and_go_on(planes: Path, folder: Path, name: str, chance: random.Random) -> None:
    """Kill a run at random instants, once at least, until it comes to its end."""
    (folder / "unbroken").mkdir()
    copying(planes, folder / "unbroken" / name).ended().well()
    lock = folder / f".crispim-{name}.lock"
    if name == "out":
        lock = folder / name / ".crispim-journal.lock"
    kills = 0
    while not kills:
        remove(folder / name)
        remove(folder / f".crispim-{name}.journal")
        longest = 0.4
        lock.unlink(missing_ok=True)
        while killed(copying(planes, folder / name), lock, chance.uniform(0, longest)):
            kills += 1
            lock.unlink(missing_ok=True)
            # On a busy machine it would never come to its end.
            longest *= 1.3
    assert content(folder / name) == content(folder / "unbroken" / name)
    left = {path.name for path in folder.iterdir()} - {"unbroken", name}
    assert left <= {f".crispim-{name}.journal"}


def remove(path: Path) -> None:
    """Remove what a run that ended before its kill has left."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def drawn() -> random.Random:
    """Chance that is another in each run, and can be had again: a failed test shows the seed."""
    seed = int(os.environ.get("CRISPIM_SEED") or random.SystemRandom().randrange(10**9))
    print(f"CRISPIM_SEED={seed} repeats these instants")
    return random.Random(seed)  # noqa: S311


@posix
@pytest.mark.parametrize(
    "name", ["out", *(pytest.param(one, marks=pytest.mark.long) for one in OUTPUTS[1:])]
)
def test_killed_runs_end_with_the_same_bytes(planes: Path, tmp_path: Path, name: str) -> None:
    kill_and_go_on(planes, tmp_path, name, drawn())


@pytest.mark.slow
@posix
@pytest.mark.parametrize("number", range(100))
def test_a_hundred_killed_runs(planes: Path, tmp_path: Path, number: int) -> None:
    kill_and_go_on(planes, tmp_path, OUTPUTS[number % len(OUTPUTS)], drawn())


@posix
@pytest.mark.parametrize("name", ["preprocess", pytest.param("denoise", marks=pytest.mark.long)])
def test_a_killed_command_goes_on(
    call: Call, planes: Path, model: Path, tmp_path: Path, name: str
) -> None:
    options = {
        "preprocess": ("--seed", 1, "--factor", 2),
        "denoise": ("--model", model, "--tile", 32),
    }[name]
    said = [name, planes, tmp_path / "out.tif", *options]
    run = begun(*said, before=SLOWLY)
    wait_for_planes(run, tmp_path / "out.tif")
    run.signal(signal.SIGKILL)
    assert run.ended().status == -signal.SIGKILL
    assert not (tmp_path / "out.tif").exists()
    refused = call(*said)
    assert refused.status == 2
    assert "--resume" in refused.err
    assert call(*said, "--resume").status == 0
    assert call(name, planes, tmp_path / "unbroken.tif", *options).status == 0
    ours, theirs = (tifffile.imread(tmp_path / f"{name}.tif") for name in ("out", "unbroken"))
    np.testing.assert_array_equal(ours, theirs)
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "unbroken.tif").read_bytes()


@posix
def test_killed_before_the_arrays_are_made(planes: Path, unbroken: Path, tmp_path: Path) -> None:
    """At the first instant at which anything of an OME-Zarr is there."""
    output = tmp_path / "out.zarr"
    at_once = """
import os
from crispim_ij.planes.ome_zarr_write import ZarrArrays
ZarrArrays.create = lambda *_: os.kill(os.getpid(), 9)
"""
    said = "preprocess", planes, output, *SAID
    assert crispim(*said, before=at_once).status == -signal.SIGKILL
    assert (tmp_path / ".crispim-out.zarr.partial").exists()
    crispim(*said, "--resume").well()
    assert content(output) == content(unbroken / "out.zarr")


def test_a_drawn_seed_is_kept(call: Call, noisy: Path, tmp_path: Path) -> None:
    """A run without --seed goes on with the seed that it drew."""
    bad = noisy / "2.tif"
    plane = tifffile.imread(bad)
    tifffile.imwrite(bad, plane, compression="zlib")
    with tifffile.TiffFile(bad) as tif:
        offset = tif.pages.first.dataoffsets[0]
    data = bytearray(bad.read_bytes())
    good = bytes(data)
    data[offset : offset + 20] = b"\xff" * 20
    status = bad.stat()
    bad.write_bytes(data)
    os.utime(bad, ns=(status.st_atime_ns, status.st_mtime_ns))
    answer = call("preprocess", noisy, tmp_path / "out", "--factor", 2, "--workers", 1)
    assert answer.status == 2
    assert "2.tif" in answer.err
    assert "--resume continues it" in " ".join(answer.err.split())
    assert sorted(p.name for p in (tmp_path / "out").glob("*.tif")) == ["0.tif", "1.tif"]
    # The disk is mended: the same file, the same time.
    bad.write_bytes(good)
    os.utime(bad, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = "preprocess", noisy, tmp_path / "out", "--factor", 2
    assert call(*again, "--seed", 7, "--resume").status == 2
    assert call(*again, "--resume").status == 0
    record = json.loads((tmp_path / "out/crispim-preprocess.json").read_text())
    seed = record["noise"]["seed"]
    assert call(*again[:2], tmp_path / "other", "--factor", 2, "--seed", seed).status == 0
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_both_ways_at_once_are_refused(call: Call, noisy: Path, tmp_path: Path) -> None:
    answer = call("preprocess", noisy, tmp_path / "out", "--resume", "--overwrite")
    assert answer.status == 2
    assert "give one of them" in answer.err.replace("\n", " ")
