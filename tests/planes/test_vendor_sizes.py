"""Sizes that microscopes write into tags of their own, in every output."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import open_source
from crispim_ij.planes.units import Size
from tests.planes.vendors import COLUMNS, ROWS, fluoview, lsm, micro_manager, pages, planes, stk

Copy = Callable[..., Path]
SCANIMAGE = f"""SI.hChannels.channelSave = 1
SI.hStackManager.stackZStepSize = 5
SI.hRoiManager.linesPerFrame = {ROWS}
SI.hRoiManager.pixelsPerLine = {COLUMNS}
SI.hRoiManager.imagingFovUm = [-30 -12;30 -12;30 12;-30 12]
"""


def scanimage(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for plane in planes(4):
            tif.write(plane, photometric="minisblack", metadata=None, software=SCANIMAGE)


WRITERS: Mapping[str, Callable[[Path], object]] = {
    "stk": lambda path: stk(path, planes(4), [488] * 4, [0, 2, 2, 2], unit="um"),
    "stk, places": lambda path: stk(path, planes(4), [488] * 4, [0, 2, 4, 6], unit="um"),
    "stk, waves": lambda path: stk(path, planes(4), [488, 561] * 2, [2, 0] * 2, unit="um"),
    "stk, none": lambda path: stk(path, planes(4), [488] * 4, [0, 2, 5, 6]),
    "stk, pixels": lambda path: stk(path, planes(4), [488] * 4, [2] * 4, unit="Pixels"),
    "lsm": lambda path: lsm(
        path, planes(4), VoxelSizeX=6.5e-7, VoxelSizeY=5e-7, VoxelSizeZ=2e-6, TimeIntervall=0
    ),
    "micro-manager 1.4": lambda path: micro_manager(
        path, planes(4), 4, 1, **{"PixelSize_um": 0.65, "z-step_um": 2.0, "Interval_ms": 0}
    ),
    "micro-manager, not calibrated": lambda path: micro_manager(
        path, planes(4), 4, 1, **{"PixelSize_um": 0, "z-step_um": 0}
    ),
    "fluoview": lambda path: fluoview(
        path,
        planes(4),
        *(("X", COLUMNS, 0.65, "um"), ("Y", ROWS, 0.5, "um"), ("Z", 4, 2000, "nm")),
    ),
    "scanimage": scanimage,
}  # fmt: skip
UM = {"X": Size(0.65, "µm"), "Y": Size(0.5, "µm"), "Z": Size(2.0, "µm")}
SQUARE = {**UM, "Y": Size(0.65, "µm")}
STEPS = {
    "stk": UM,
    "stk, places": UM,
    "stk, waves": UM,
    "stk, none": {},
    "stk, pixels": {"Z": Size(2.0, "µm")},
    "lsm": UM,
    "micro-manager 1.4": SQUARE,
    # 15385 pixels a cm, as its tags say.
    "micro-manager, not calibrated": {axis: Size(1 / 15385, "cm") for axis in "XY"},
    "fluoview": {**UM, "Z": Size(2000.0, "nm")},
    "scanimage": {"X": Size(1.5, "µm"), "Y": Size(1.0, "µm"), "Z": Size(5.0, "µm")},
}


@pytest.mark.parametrize("kind", WRITERS)
def test_sizes_in_a_vendors_tags(tmp_path: Path, copy: Copy, kind: str) -> None:
    path = tmp_path / "a.tif"
    WRITERS[kind](path)
    for place in (path, *(copy(path, tmp_path / name) for name in ("b.tif", "b.zarr", "b"))):
        with open_source(place) as source:
            assert len(source) == 4
            found = dict(source.metadata.steps)
        assert found.keys() == STEPS[kind].keys(), place
        for axis, step in STEPS[kind].items():
            assert found[axis].within(step.unit) == pytest.approx(step.value), place


def test_planes_of_micro_manager(tmp_path: Path, copy: Copy) -> None:
    """Each file of a folder has its own words."""
    folder = tmp_path / "in"
    folder.mkdir()
    words = json.dumps({"PixelSizeUm": 0.65, "Slice": 0})
    for k, plane in enumerate(planes(3)):
        pages(folder / f"img_{k}.tif", plane[None], extratags=[(51123, 2, 0, words, True)])
    for place in (folder, copy(folder, tmp_path / "b"), copy(folder, tmp_path / "b.tif")):
        with open_source(place) as source:
            assert dict(source.metadata.steps) == {axis: Size(0.65, "µm") for axis in "XY"}
            np.testing.assert_array_equal(source.read(2), planes(3)[2])
