"""What commands say of the files that they read, and which image of several they take."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Call
from tests.planes.test_tiff_series import bruker, positions
from tests.planes.vendors import ome, pages, pixels_xml, placed, planes, stk


def stopped(path: Path) -> Path:
    """An acquisition of which 5 of 12 planes were taken."""
    data = "".join(placed(k, Z=k % 4, T=k // 4) for k in range(5))
    pages(path, planes(5), ome("", pixels_xml(0, {"Z": 4, "T": 3}, data)))
    return path


def unchanged(clean: Path) -> list[object]:
    """Arguments that write noisy planes, and beside them those that were read."""
    return [clean.with_name(f"noisy-{clean.name}"), "--factor", 1, "--clean", clean]


def read(output: Path) -> np.ndarray:
    """Read planes with tifffile alone."""
    if output.is_dir():
        return np.stack([tifffile.imread(file) for file in sorted(output.glob("*.tif"))])
    pixels: np.ndarray = tifffile.imread(output)
    return pixels.reshape(-1, *pixels.shape[-2:])


@pytest.mark.parametrize("output", ["out.tif", "out"])
def test_a_stopped_acquisition_is_said_and_used(call: Call, tmp_path: Path, output: str) -> None:
    path = stopped(tmp_path / "a.ome.tif")
    answer = call("preprocess", path, *unchanged(tmp_path / output), "--json")
    assert answer.status == 0, answer.err
    assert "7 of the 12 planes" in answer.err
    assert "7 of the 12 planes" in json.loads(answer.out)["notes"][0]
    np.testing.assert_array_equal(read(tmp_path / output), planes(5))


@pytest.mark.parametrize("output", ["out.tif", "out", "out.zarr"])
def test_every_plane_of_a_metamorph_stack(call: Call, tmp_path: Path, output: str) -> None:
    stk(tmp_path / "a.stk", planes(7), [488] * 7, [1] * 7)
    answer = call("preprocess", tmp_path / "a.stk", *unchanged(tmp_path / output))
    assert answer.status == 0, answer.err
    assert "7 planes" in answer.out
    if output != "out.zarr":
        np.testing.assert_array_equal(read(tmp_path / output), planes(7))


@pytest.mark.parametrize(("number", "count", "first"), [(1, 4, 300), (2, 6, 1300)])
def test_series(call: Call, tmp_path: Path, number: int, count: int, first: int) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    positions(folder)
    output = tmp_path / "out.tif"
    answer = call("preprocess", folder, *unchanged(output), "--series", number)
    assert answer.status == 0, answer.err
    assert f"2 series, of which number {number}, 'Pos{number - 1}', is taken" in answer.err
    np.testing.assert_array_equal(read(output), planes(count, first))
    assert call("preprocess", folder, tmp_path / "x", "--series", 3).status == 2


def test_series_of_a_zarr(call: Call, tmp_path: Path) -> None:
    bruker(tmp_path / "in")
    assert call("preprocess", tmp_path / "in", *unchanged(tmp_path / "a.zarr")).status == 0
    answer = call("preprocess", tmp_path / "a.zarr", tmp_path / "b", "--series", 2)
    assert answer.status == 2
    assert "--series" in answer.err


@pytest.mark.parametrize("command", ["denoise", "preprocess"])
def test_a_dry_run_says_it_too(call: Call, tmp_path: Path, command: str) -> None:
    path = stopped(tmp_path / "a.ome.tif")
    answer = call(command, path, tmp_path / "out", "--dry-run", "--json")
    assert answer.status == 0, answer.err
    assert "7 of the 12 planes" in answer.err
    assert len(json.loads(answer.out)["notes"]) == 2


def test_positions_are_a_tree_unless_one_is_asked_for(call: Call, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    positions(tmp_path / "in")
    answer = call("preprocess", tmp_path / "in", *unchanged(tmp_path / "out"), "--json")
    assert answer.status == 0, answer.err
    assert [one["planes"] for one in json.loads(answer.out)["stacks"]] == [4, 6]


def test_inspect_lists_series(call: Call, tmp_path: Path) -> None:
    images = (
        pixels_xml(0, {"Z": 4}, "".join(placed(k, Z=k) for k in range(4))),
        pixels_xml(1, {"Z": 3}, "".join(placed(4 + k, Z=k) for k in range(3))),
    )
    pages(tmp_path / "two.ome.tif", planes(7), ome("", "".join(images)))
    words = " ".join(call("inspect", tmp_path / "two.ome.tif").out.split())
    assert "series 1 Pos0 series 2 Pos1" in words
    found = json.loads(call("inspect", tmp_path / "two.ome.tif", "--json").out)
    assert found["contents"]["series"] == ["Pos0", "Pos1"]
    assert "2 series" in found["contents"]["notes"][0]


def test_inspect_tells_what_is_left_out(call: Call, tmp_path: Path) -> None:
    bruker(tmp_path / "in")
    (tmp_path / "in/metadata.txt").write_text("{}")
    words = " ".join(call("inspect", tmp_path / "in").out.split())
    assert "left out no planes: metadata.txt" in words
    assert "folder of OME-TIFF files, parts of a set" in words
    found = json.loads(call("inspect", tmp_path / "in", "--json").out)
    assert found["contents"]["left_out"] == ["metadata.txt"]


@pytest.mark.long
def test_denoise_writes_every_plane(call: Call, tmp_path: Path) -> None:
    stk(tmp_path / "a.stk", planes(7), [488] * 7, [1] * 7)
    for name in ("out.tif", "out"):
        answer = call("denoise", tmp_path / "a.stk", tmp_path / name, "--model", "crispim-2d")
        assert answer.status == 0, answer.err
        means = read(tmp_path / name).mean(axis=(1, 2))
        np.testing.assert_allclose(means, planes(7).mean(axis=(1, 2)), rtol=0.05)
