"""A whole acquisition in one command."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import open_source
from tests.cli.conftest import Answer, Call
from tests.planes import vendors

STACKS = ("Ex_488/0/0_0", "Ex_488/0/0_5", "Ex_561/0/0_0", "Ex_561/0/0_5")
RECORD = "crispim-acquisition.json"
HOW = ("--factor", 2, "--seed", 1)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two channels of two tiles of three planes, of noise with sd 20 and 40."""
    rng = np.random.default_rng(0)
    for stack in STACKS:
        folder = tmp_path / "scan" / stack
        folder.mkdir(parents=True)
        for k in range(3):
            plane = rng.normal(300, 20 if "488" in stack else 40, (48, 64)).round()
            tifffile.imwrite(folder / f"{k}.tif", plane.astype(np.uint16))
    (tmp_path / "scan/metadata.json").write_text('{"tiles": 2}')
    (tmp_path / "scan/Ex_488/0/info.txt").write_text("x")
    return tmp_path / "scan"


def states(output: Path) -> dict[str, str]:
    """What the record says of each stack."""
    record = json.loads((output / RECORD).read_text())
    return {one["path"]: one["state"] for one in record["stacks"]}


def pixels(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.tif")}


def words(answer: Answer) -> str:
    return " ".join(answer.err.split())


def damage(plane: Path) -> bytes:
    """Cut a plane short, and return what it was."""
    whole = plane.read_bytes()
    plane.write_bytes(whole[: len(whole) // 2])
    return whole


def test_each_stack_is_what_it_is_alone(call: Call, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = call("preprocess", scan, out, *HOW, "--clean", tmp_path / "clean")
    assert answer.status == 0, answer.err
    assert "4 stacks done" in answer.out
    assert "With --seed, planes of one number get the same noise" in words(answer)
    for stack in STACKS:
        alone = tmp_path / "alone" / stack
        assert call("preprocess", scan / stack, alone, *HOW).status == 0
        assert pixels(alone) == pixels(out / stack)
        record = json.loads((out / stack / "crispim-preprocess.json").read_text())
        assert record["input"] == str(scan / stack)
    for folder in (out, tmp_path / "clean"):
        assert (folder / "metadata.json").read_text() == '{"tiles": 2}'
        assert (folder / "Ex_488/0/info.txt").exists()
    assert set(states(out)) == set(STACKS)
    before, after = ((root / "metadata.json").stat().st_mtime_ns for root in (scan, out))
    assert before == after


def test_noise_is_measured_for_each_channel(
    call: Call, scan: Path, told: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    for k in range(3):  # nearly empty: alone it would be taken for a stack of weak noise
        plane = np.zeros((48, 64), np.uint16)
        plane[:, :24] = rng.normal(300, 20, (48, 24)).round()
        tifffile.imwrite(scan / STACKS[1] / f"{k}.tif", plane)
    answer = call("denoise", scan, tmp_path / "out", "--model", told, "--json")
    assert answer.status == 0, answer.err
    facts = json.loads(answer.out)
    noises = {
        name: noise["told"]["channels"][0]["read_noise"] for name, noise in facts["noise"].items()
    }
    assert noises == pytest.approx({"Ex_488": 20, "Ex_561": 40}, rel=0.15)
    assert facts["noise"]["Ex_488"]["measured on"] == list(STACKS[:2])
    assert (facts["done"], facts["skipped"], facts["failed"], facts["copied"]) == (4, 0, 0, 2)
    said = call("denoise", scan, tmp_path / "b", "--model", told)
    assert "Ex_561: noise: sd" in said.err
    assert "measured on 2 of 2 stacks" in said.err


def test_a_choice_of_stacks_changes_no_pixel(
    call: Call, scan: Path, told: Path, tmp_path: Path
) -> None:
    said = ("denoise", scan, tmp_path / "out", "--model", told)
    assert call("denoise", scan, tmp_path / "whole", "--model", told).status == 0
    assert call(*said, "--only", "Ex_488/0/0_5").status == 0
    assert states(tmp_path / "out") == {STACKS[1]: "finished"}
    assert not (tmp_path / "out/Ex_561").exists()
    refused = call(*said)
    assert refused.status == 2
    assert "give --resume to continue it" in words(refused)
    assert call(*said, "--resume").status == 0
    assert pixels(tmp_path / "out") == pixels(tmp_path / "whole")
    records = [(tmp_path / name / RECORD).read_bytes() for name in ("out", "whole")]
    assert records[0] == records[1]


def test_a_failed_stack_stops_nothing_else(call: Call, scan: Path, tmp_path: Path) -> None:
    plane = scan / STACKS[0] / "1.tif"
    whole = damage(plane)
    said = ("preprocess", scan, tmp_path / "out", *HOW)
    answer = call(*said)
    assert answer.status == 2
    assert f"Failed: {STACKS[0]}: '{plane}' is truncated" in answer.out
    assert "3 stacks done, 0 skipped that were finished before, 1 failed" in answer.out
    assert f"1 of 4 stacks failed, such as '{STACKS[0]}'" in words(answer)
    assert states(tmp_path / "out")[STACKS[0]] == "failed"
    plane.write_bytes(whole)
    facts = json.loads(call(*said, "--resume", "--json").out)
    assert (facts["done"], facts["skipped"], facts["failed"]) == (1, 3, 0)
    assert [one["state"] for one in facts["stacks"]] == ["done", *["skipped"] * 3]
    assert set(states(tmp_path / "out").values()) == {"finished"}


def test_a_result_that_was_removed_is_made_again(call: Call, scan: Path, tmp_path: Path) -> None:
    said = ("preprocess", scan, tmp_path / "out", *HOW)
    assert call(*said).status == 0
    before = pixels(tmp_path / "out")
    (tmp_path / "out" / STACKS[2] / "1.tif").unlink()
    facts = json.loads(call(*said, "--resume", "--json").out)
    assert (facts["done"], facts["skipped"]) == (1, 3)
    assert pixels(tmp_path / "out") == before


def test_other_options_are_not_mixed(call: Call, scan: Path, tmp_path: Path) -> None:
    said = ("preprocess", scan, tmp_path / "out")
    assert call(*said, *HOW).status == 0
    answer = call(*said, "--factor", 4, "--seed", 1, "--resume")
    assert answer.status == 2
    assert "--factor was 2.0 when it was begun and is 4.0 now" in words(answer)
    assert call(*said, "--factor", 4, "--seed", 1, "--overwrite").status == 0
    assert tifffile.imread(tmp_path / "out" / STACKS[0] / "0.tif").shape == (12, 16)


def test_drawn_seeds_are_kept(call: Call, scan: Path, tmp_path: Path) -> None:
    damage(scan / STACKS[1] / "0.tif")
    said = ("preprocess", scan, tmp_path / "out", "--factor", 2)
    assert call(*said).status == 2
    before = pixels(tmp_path / "out")
    assert call(*said, "--resume").status == 2
    assert pixels(tmp_path / "out") == before
    seeds = {
        json.loads(file.read_text())["noise"]["seed"]
        for file in (tmp_path / "out").rglob("crispim-preprocess.json")
    }
    assert len(seeds) == 3


def test_stacks_of_each_kind(call: Call, model: Path, tmp_path: Path) -> None:
    """Each is written as what it was."""
    planes = np.random.default_rng(0).integers(100, 500, (3, 40, 48), np.uint16)
    tree = tmp_path / "in"
    (tree / "Pos0").mkdir(parents=True)
    (tree / "folder").mkdir()
    tifffile.imwrite(tree / "Pos0/a.ome.tif", planes, ome=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tree / "Pos0/b.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    for k, plane in enumerate(planes):
        tifffile.imwrite(tree / "folder" / f"{k}.tif", plane)
    copy = ("--factor", 1, "--noise-sd", 0)
    assert call("preprocess", tree / "Pos0/b.tif", tree / "c.zarr", *copy).status == 0
    for left in [*(tree / "c.zarr").glob("crispim-*"), tree / ".crispim-c.zarr.journal"]:
        left.unlink(missing_ok=True)
    shutil.copytree(tree / "c.zarr", tree / "image")
    out = tmp_path / "out"
    answer = call("denoise", tree, out, "--model", model, "--json")
    assert answer.status == 0, answer.err
    names = ("Pos0/a.ome.tif", "Pos0/b.tif", "c.zarr", "folder", "image")
    assert [one["path"] for one in json.loads(answer.out)["stacks"]] == list(names)
    alone = tmp_path / "alone"
    assert call("denoise", tree / "Pos0/b.tif", alone, "--model", model).status == 0
    with open_source(alone) as source:
        expected = [source.read(k) for k in range(3)]
    for name in ("Pos0/a.ome.tif", "Pos0/b.tif", "c.zarr", "folder", "image.zarr"):
        with open_source(out / name) as source:
            assert source.path.is_dir() is (tree / name.replace("image.zarr", "image")).is_dir()
            np.testing.assert_array_equal([source.read(k) for k in range(3)], expected)


def test_positions_that_are_split(call: Call, tmp_path: Path) -> None:
    """Each is denoised as a whole, and `inspect` and a second run find it."""
    vendors.split_positions(tmp_path / "in", "OME")
    said = ("preprocess", tmp_path / "in", tmp_path / "out", "--factor", 1, "--noise-sd", 0)
    assert "tree of 2 stacks" in call("inspect", tmp_path / "in").out
    assert call(*said).status == 0
    for p in range(2):
        done = tifffile.imread(tmp_path / "out" / f"run_MMStack_Pos{p}.ome.tif")
        np.testing.assert_array_equal(done, vendors.planes(4, 300 + 1000 * p))
    assert "2 skipped" in call(*said, "--resume").out


def test_planes_and_folders_of_planes(call: Call, scan: Path, tmp_path: Path) -> None:
    """All are done, and what they are in the input they are in the output."""
    shutil.copy(scan / STACKS[0] / "0.tif", scan / "overview.tif")
    (scan / "metadata.json").unlink()
    said = ("preprocess", scan, tmp_path / "out", *HOW)
    assert call(*said).status == 0
    assert set(states(tmp_path / "out")) == {".", *STACKS}
    assert (tmp_path / "out/overview.tif").exists()
    assert call("preprocess", scan, tmp_path / "one.tif", *HOW, "--only", ".").status == 0
    assert tifffile.imread(tmp_path / "one.tif").shape == (24, 32)


def test_outputs_that_are_refused(call: Call, scan: Path, tmp_path: Path) -> None:
    def refused(output: Path, *more: object) -> str:
        answer = call("preprocess", scan, output, *HOW, *more)
        assert answer.status == 2
        return words(answer)

    before = sorted(scan.rglob("*"))
    assert "is the input" in refused(scan)
    assert "lies in it" in refused(scan / "out")
    assert "holds the input" in refused(tmp_path)
    assert "named like one stack" in refused(tmp_path / "out.tif")
    assert "named like one stack" in refused(tmp_path / "out.zarr")
    assert "one is the other or lies in it" in refused(
        tmp_path / "out", "--clean", tmp_path / "out/clean"
    )
    assert "--profile measures the run over one stack" in refused(
        tmp_path / "out", "--profile", tmp_path / "p.json"
    )
    assert "No stack of" in refused(tmp_path / "out", "--only", "Ex_640*")
    (tmp_path / "out/Ex_488/0/0_5").mkdir(parents=True)
    (tmp_path / "out/Ex_488/0/0_5/mine.txt").touch()
    assert "0_5' exists already" in refused(tmp_path / "out")
    shutil.rmtree(tmp_path / "out/Ex_488")
    (tmp_path / "out/metadata.json").write_text("mine")
    assert "metadata.json' exists already" in refused(tmp_path / "out", "--resume")
    (scan / "planes.tif").mkdir()
    shutil.copy(scan / STACKS[0] / "0.tif", scan / "planes.tif")
    assert "is a folder of planes that is named like a file" in refused(tmp_path / "new")
    shutil.rmtree(scan / "planes.tif")
    assert sorted(scan.rglob("*")) == before
    assert not (tmp_path / "new").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "scan"]


def test_an_option_that_cannot_be_is_refused_before_anything(
    call: Call, scan: Path, model: Path, tmp_path: Path
) -> None:
    for options, says in (
        (("--model", "nowhere"), "There is no model"),
        (("--model", model, "--strength", 2), "guesses the noise"),
        (("--model", model, "--uncertainty", tmp_path / "e"), "so its errors are not known"),
    ):
        answer = call("denoise", scan, tmp_path / "out", *options)
        assert answer.status == 2
        assert says in words(answer)
    assert not (tmp_path / "out").exists()


def test_dry_run(call: Call, scan: Path, model: Path, tmp_path: Path) -> None:
    answer = call("denoise", scan, tmp_path / "out", "--model", model, "--dry-run")
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == f"{STACKS[0]}: 3 planes of 64 x 48 px, uint16"
    assert lines[4] == f"Would read 4 stacks with 12 planes in all, from {scan}"
    assert "Would copy 2 other files" in lines
    assert lines[-1] == "Nothing was written."
    damage(scan / STACKS[3] / "0.tif")
    answer = call("denoise", scan, tmp_path / "out", "--model", model, "--dry-run", "--json")
    assert answer.status == 2
    facts = json.loads(answer.out)
    assert (facts["dry run"], facts["failed"]) == (True, 1)
    assert not (tmp_path / "out").exists()


def test_two_runs_into_one_output(call: Call, scan: Path, tmp_path: Path) -> None:
    from crispim_ij.jobs.acquisition_record import lock_of

    (tmp_path / "out").mkdir()
    lock = lock_of(tmp_path / "out")
    lock.acquire()
    answer = call("preprocess", scan, tmp_path / "out", *HOW)
    lock.release()
    assert answer.status == 2
    assert "another run is writing to" in words(answer)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs such names")
def test_odd_names(call: Call, scan: Path, tmp_path: Path) -> None:
    no_text = [os.fsdecode(b"\xff")] if sys.platform == "linux" else []
    names = ("a [b]", "*?", "new\nline", "ç'\"", *no_text)
    for name in names:
        shutil.copytree(scan / STACKS[0], scan / name)
    for name in no_text:
        (scan / name / "0.tif").rename(scan / name / f"{name}.tif")
    answer = call("preprocess", scan, tmp_path / "out", *HOW)
    assert answer.status == 0, answer.err
    assert set(states(tmp_path / "out")) == {*names, *STACKS}
    assert call("inspect", scan).status == 0


def test_inspect(call: Call, scan: Path, tmp_path: Path) -> None:
    damage(scan / STACKS[3] / "0.tif")
    lines = [" ".join(line.split()) for line in call("inspect", scan).out.splitlines()]
    assert lines[0] == "format tree of 4 stacks, with 2 other files"
    assert f"{STACKS[0]} 3 of 64 x 48 px, uint16" in lines
    (bad,) = (line for line in lines if line.startswith(STACKS[3]))
    assert "no denoise or preprocess: " in bad
    assert "is truncated" in bad
    assert any(line.startswith("noise Ex_561 sd ") for line in lines)
    facts = json.loads(call("inspect", scan, "--json", "--only", "Ex_488").out)
    assert [one["path"] for one in facts["stacks"]] == list(STACKS[:2])
    assert facts["stacks"][0]["refusals"] == {"denoise": None, "preprocess": None}
    assert facts["channels"]["Ex_488"]["stacks"] == list(STACKS[:2])
    assert (facts["planes"], facts["size"]) == (6, 6 * 48 * 64 * 2)


@pytest.mark.long
def test_preview(call: Call, scan: Path, model: Path, tmp_path: Path) -> None:
    said = ("preview", scan, "--model", model, "--out", tmp_path / "p.png", "--only", "Ex_561")
    answer = call(*said)
    assert answer.status == 0, answer.err
    assert f"Stack {scan / STACKS[3]}, in the middle of 2" in answer.out
    assert "This stack: about" in answer.out
    assert f"denoise {scan} OUTPUT --model {model} --only Ex_561" in answer.out
    facts = json.loads(call(*said, "--overwrite", "--json").out)
    assert (facts["stack"], facts["stacks"]) == (str(scan / STACKS[3]), 2)
