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
from crispim_ij.imagej.model_zip import Blocks, ModelZip, plan_blocks, read_model_zip
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
    blocks = plan_blocks(shape, model, largest)
    sides = (blocks.rows * blocks.side, blocks.columns * blocks.side)
    for side, length in zip(sides, shape, strict=True):
        assert side >= length + 2 * model.overlap
        assert side % multiple == 0
    tiles, covered = plugin_tiles(sides, blocks.rows * blocks.columns, multiple)
    assert tiles == (blocks.rows, blocks.columns)
    assert covered == sides
    assert blocks.side <= max(largest, 2 * multiple, max(sides) ** 0.5 + 2 * multiple)


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 30))
def test_an_extended_plane_has_the_plane_in_it(shape: tuple[int, int], margin: int) -> None:
    plane = np.random.default_rng(0).integers(0, 1000, shape, np.uint16)
    blocks = Blocks(
        -(-(shape[0] + 2 * margin) // 16), -(-(shape[1] + 2 * margin) // 16), 16, margin
    )
    extended = blocks.extend(plane)
    assert extended.shape == (blocks.rows * 16, blocks.columns * 16)
    assert extended.dtype == np.float32
    np.testing.assert_array_equal(blocks.crop(extended, shape), plane)


def test_margins_are_mirrored_with_the_edge_repeated() -> None:
    extended = Blocks(1, 1, 8, 2).extend(np.arange(12).reshape(3, 4))
    assert extended[2].tolist() == [1, 0, 0, 1, 2, 3, 3, 2]
    assert extended[:, 2].tolist() == [4, 0, 0, 4, 8, 8, 4, 0]


def test_large_planes_are_not_much_extended() -> None:
    model = ModelZip(Path("m.zip"), 4, 32)
    for shape in ((1600, 2000), (2048, 2048), (1030, 1030), (2160, 2560)):
        blocks = plan_blocks(shape, model, 1024)
        area = blocks.rows * blocks.columns * (blocks.side + 64) ** 2
        assert area / (shape[0] * shape[1]) < 1.5


def test_what_a_zip_says(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "é m.zip")
    assert read_model_zip(path) == ModelZip(path, 4, 24)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_zip(tmp_path / "m.zip")
    monkeypatch.chdir(tmp_path)
    assert read_model_zip(Path("m.zip")).path == tmp_path / "m.zip"


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        [],
        {**META, "type": "CARE"},
        {key: value for key, value in META.items() if key != "tile_overlap"},
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


def test_3d_networks_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.zip", axes="ZYXC", axes_div_by=[16, 8, 8, 1])
    with pytest.raises(CrispimError, match="takes axes ZYXC, several planes at once"):
        read_model_zip(path)
