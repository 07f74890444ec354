from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import uniform_filter

from tests.cli.conftest import Call


def test_for_people(call: Call, noisy: Path) -> None:
    answer = call("inspect", noisy)
    assert answer.status == 0, answer.err
    said = " ".join(answer.out.split())
    for part in (
        "format folder of TIFF files, one plane each",
        "planes 3 of 60 x 40 px",
        "type uint16",
        "axes ZYX: 3 slices",
        "pixel size not given",
        "compression none",
        "(50 %)",
        "0.00% saturated",
        "noise sd",
        "denoise yes",
        "preprocess yes",
    ):
        assert part in said


def test_for_scripts(call: Call, noisy: Path) -> None:
    found = json.loads(call("inspect", noisy, "--json").out)
    assert found["contents"]["axes"] == {"Z": 3}
    assert found["refusals"] == {"denoise": None, "preprocess": None}


def test_all_of_a_noise_that_pixels_share(call: Call, tmp_path: Path) -> None:
    planes = uniform_filter(np.random.default_rng(0).normal(300, 60, (3, 96, 96)), (0, 2, 2))
    tifffile.imwrite(tmp_path / "in.tif", planes.astype(np.uint16), photometric="minisblack")
    said = " ".join(call("inspect", tmp_path / "in.tif").out.split())
    assert re.search(r"noise sd 8\.\d+ counts, of (29|30|31)[.\d]* in all, shared by", said)
    (found,) = json.loads(call("inspect", tmp_path / "in.tif", "--json").out)["contents"]["noise"]
    assert found["whole"]["read_noise"] == pytest.approx(30, rel=0.05)


def test_what_is_refused_is_said_with_its_remedy(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plane.png").write_bytes(b"")
    answer = call("inspect", tmp_path)
    assert answer.status == 0
    said = " ".join(answer.out.split())
    assert "format folder (1 .png)" in said
    assert "denoise no: " in said
    assert "convert it to TIFF" in said


def test_nothing_there(call: Call, tmp_path: Path) -> None:
    answer = call("inspect", tmp_path / "nowhere")
    assert answer.status == 2
    assert "does not exist" in answer.err


def test_what_rich_would_take_for_markup_is_printed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scan[b]").mkdir()
    (tmp_path / "scan[b]" / "plane.png").write_bytes(b"")
    assert "scan[b]" in call("inspect", tmp_path / "scan[b]").out
