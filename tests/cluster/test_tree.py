"""An acquisition on workers has the bytes of one on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.models import Model
from tests.cli.conftest import Call
from tests.cluster.processes import Dask, content
from tests.told import told_model


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Two channels of four tiles of five planes."""
    rng = np.random.default_rng(0)
    for channel in ("Ex_488_Em_525", "Ex_561_Em_600"):
        for tile in range(4):
            folder = tmp_path / "scan" / channel / f"tile_{tile}"
            folder.mkdir(parents=True)
            for k in range(5):
                plane = rng.normal(300, 30, (32, 40)).round().astype(np.uint16)
                tifffile.imwrite(folder / f"{k}.tif", plane)
    (tmp_path / "scan/metadata.json").write_text("{}")
    return tmp_path / "scan"


@pytest.fixture
def told(tmp_path: Path) -> Model:
    return told_model(tmp_path / "told")


@pytest.mark.long
def test_denoise(call: Call, dask: Dask, scan: Path, told: Model, tmp_path: Path) -> None:
    said = ("denoise", scan, tmp_path / "there", "--model", told.folder)
    assert call("denoise", scan, tmp_path / "here", *said[3:]).status == 0
    part = call(*said, "--scheduler", dask.address, "--only", "*_2")
    assert part.status == 0, part.err
    answer = call(*said, "--scheduler", dask.address, "--resume")
    assert answer.status == 0, answer.err
    assert "6 stacks done, 2 skipped" in answer.out
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_preprocess(call: Call, dask: Dask, scan: Path, tmp_path: Path) -> None:
    how = ("--factor", 2, "--seed", 3)
    assert call("preprocess", scan, tmp_path / "here", *how).status == 0
    answer = call("preprocess", scan, tmp_path / "there", *how, "--scheduler", dask.address)
    assert answer.status == 0, answer.err
    assert content(tmp_path / "there") == content(tmp_path / "here")
