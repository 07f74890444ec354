from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import model_zip
from crispim_ij.imagej.model_zip import ModelZip, PluginTiles, plan_tiles, read_model_zip
from crispim_ij.models import SharedNoise
from tests.imagej.csbdeep_standin import META, plugin_tiles, write_zip

SIDES = st.integers(4, 5000)


@given(
    shape=st.tuples(SIDES, SIDES),
    multiple=st.sampled_from([1, 4, 8]),
    halo=st.integers(0, 8),
    largest=st.integers(1, 2000),
)
def test_the_plugin_cuts_as_planned_and_loses_nothing(
    shape: tuple[int, int], multiple: int, halo: int, largest: int
) -> None:
    model = ModelZip(Path("m.zip"), multiple, halo * multiple)
    tiles = plan_tiles(shape, model, largest)
    sides = (tiles.rows * tiles.side, tiles.columns * tiles.side)
    for side, length in zip(sides, shape, strict=True):
        assert side >= length + 2 * model.overlap
        assert side % multiple == 0
    divided, covered = plugin_tiles(sides, tiles.rows * tiles.columns, multiple)
    assert divided == (tiles.rows, tiles.columns)
    assert covered == sides
    assert tiles.side <= max(largest, 2 * multiple, max(sides) ** 0.5 + 2 * multiple)


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 30))
def test_an_extended_plane_has_the_plane_in_it(shape: tuple[int, int], margin: int) -> None:
    plane = np.random.default_rng(0).integers(0, 1000, shape, np.uint16)
    tiles = PluginTiles(
        -(-(shape[0] + 2 * margin) // 16), -(-(shape[1] + 2 * margin) // 16), 16, margin
    )
    extended = tiles.extend(plane)
    assert extended.shape == (tiles.rows * 16, tiles.columns * 16)
    assert extended.dtype == np.float32
    np.testing.assert_array_equal(tiles.crop(extended, shape), plane)


def test_margins_are_mirrored_with_the_edge_repeated() -> None:
    extended = PluginTiles(1, 1, 8, 2).extend(np.arange(12).reshape(3, 4))
    assert extended[2].tolist() == [1, 0, 0, 1, 2, 3, 3, 2]
    assert extended[:, 2].tolist() == [4, 0, 0, 4, 8, 8, 4, 0]


def test_large_planes_are_not_much_extended() -> None:
    model = ModelZip(Path("m.zip"), 4, 32)
    for shape in ((1600, 2000), (2048, 2048), (1030, 1030), (2160, 2560)):
        tiles = plan_tiles(shape, model, 1024)
        area = tiles.rows * tiles.columns * (tiles.side + 64) ** 2
        assert area / (shape[0] * shape[1]) < 1.5


def test_what_a_zip_says(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "é m.zip")
    assert read_model_zip(path) == ModelZip(path, 4, 24)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_zip(tmp_path / "m.zip")
    monkeypatch.chdir(tmp_path)
    assert read_model_zip(Path("m.zip")).path == tmp_path / "m.zip"


@pytest.mark.parametrize(
    ("says", "learnt"),
    [
        ({}, None),
        ({"learnt_grain": "true"}, ()),
        ({"learnt_grain": "0.5:0.25"}, (SharedNoise(0.5, 0.25),)),
        ({"learnt_grain": "0.5:0.25 0:0.5:3"}, (SharedNoise(0.5, 0.25), SharedNoise(0, 0.5, 3))),
    ],
)
def test_a_zip_says_how_pixels_share_the_noise_that_it_learnt(
    tmp_path: Path, says: dict[str, str], learnt: tuple[SharedNoise, ...] | None
) -> None:
    path = write_zip(tmp_path / "m.zip", input_scaling="noise", **says)
    assert read_model_zip(path).learnt_grain == learnt


def test_a_zip_whose_noise_can_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.zip", input_scaling="noise", learnt_grain="much")
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(path)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        [],
        {**META, "type": "CARE"},
        {key: value for key, value in META.items() if key != "tile_overlap"},
        {**META, "axes": "ZYXC"},
        {**META, "axes": "XYC"},
        {**META, "axes_div_by": [4, 0, 1]},
    ],
)
def test_zips_of_others_are_refused(tmp_path: Path, meta: Any) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model.pb", b"")
        if meta is not None:
            archive.writestr("meta.json", json.dumps(meta))
    with pytest.raises(CrispimError, match="is no zip that `crispim-ij export"):
        read_model_zip(path)


@pytest.mark.parametrize("content", [None, b"not a zip"])
def test_files_that_are_no_zips_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CrispimError, match=f"'{path}' is no zip"):
        read_model_zip(path)


def test_what_zips_of_3d_networks_say(tmp_path: Path) -> None:
    forms = {
        "mini": {"axes_out": "YXC", "axes_div_by": [5, 4, 4, 1], "tile_overlap": [0, 32, 32, 0]},
        "whole": {"axes_out": "ZYXC", "axes_div_by": [1, 4, 4, 1], "tile_overlap": [2, 32, 32, 0]},
    }
    mini, whole = (
        read_model_zip(write_zip(tmp_path / f"{name}.zip", axes="ZYXC", **meta))
        for name, meta in forms.items()
    )
    assert mini == ModelZip(tmp_path / "mini.zip", 4, 32, depth=5)
    assert whole == ModelZip(tmp_path / "whole.zip", 4, 32, depth=5, gives_stacks=True)


def test_each_plane_of_a_stack_is_extended() -> None:
    tiles, stack = PluginTiles(2, 3, 8, 4), np.arange(5 * 7 * 9).reshape(5, 7, 9)
    extended = tiles.extend(stack)
    np.testing.assert_array_equal(extended, np.stack([tiles.extend(plane) for plane in stack]))
    np.testing.assert_array_equal(tiles.crop(extended, (7, 9)), stack)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_contents_are_refused(tmp_path: Path, packing: int) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("meta.json", json.dumps(META) * 50)
    content = bytearray(path.read_bytes())
    content[45:70] = bytes(25)
    path.write_bytes(content)
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(path)


@pytest.mark.parametrize(("flags", "packing"), [(1, 0), (0, 97), (1 << 6, 0)])
def test_zips_that_python_can_t_unpack_are_refused(
    tmp_path: Path, flags: int, packing: int
) -> None:
    path = write_zip(tmp_path / "m.zip")
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        begin = content.rindex(mark)
        content[begin + place] = flags
        content[begin + place + 2] = packing
    path.write_bytes(content)
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(path)


def test_a_fault_of_ours_is_no_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "m.zip")
    monkeypatch.setattr(model_zip, "_MOST_BYTES", None)
    with pytest.raises(TypeError):
        read_model_zip(path)
