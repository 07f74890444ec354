"""`crispim-ij denoise` and `preprocess` with --scheduler and --cluster."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising.uncertainty import ErrorModel
from crispim_ij.models import Model
from tests.cli.conftest import Call
from tests.cluster.processes import Dask, content


def test_denoise(call: Call, dask: Dask, planes: Path, model: Model, tmp_path: Path) -> None:
    said = ("denoise", planes, "--model", model.folder, "--tile", 32)
    answer = call(*said[:2], tmp_path / "out.tif", *said[2:], "--scheduler", dask.address)
    assert answer.status == 0, answer.err
    assert "Dask dashboard: http" in answer.err
    assert call(*said[:2], tmp_path / "here.tif", *said[2:]).status == 0
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "here.tif").read_bytes()


@pytest.mark.long
def test_uncertainty(call: Call, dask: Dask, planes: Path, model: Model, tmp_path: Path) -> None:
    calibrated = tmp_path / "calibrated"
    shutil.copytree(model.folder, calibrated)
    ErrorModel(2.0, 0.1, model.spec.sha256).write(calibrated)
    seen = []
    for place, where in ((tmp_path / "here", ()), (tmp_path, ("--scheduler", dask.address))):
        place.mkdir(exist_ok=True)
        said = ("denoise", planes, place / "out", "--uncertainty", place / "error")
        answer = call(*said, "--model", calibrated, *where)
        assert answer.status == 0, answer.err
        seen.append([content(place / name) for name in ("out", "error")])
    assert seen[0] == seen[1]


def test_what_cannot_be_written_is_said_as_ever(
    call: Call, dask: Dask, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for k in range(3):
        plane = np.ones((40, 56), np.float32) * (np.nan if k == 2 else 1)
        tifffile.imwrite(tmp_path / "in" / f"{k}.tif", plane)
    said = ("denoise", tmp_path / "in", tmp_path / "out", "--model", model.folder)
    answer = call(*said, "--scheduler", dask.address)
    assert answer.status == 2
    words = " ".join(answer.err.split())
    assert "2.tif' holds NaN or infinite values" in words
    assert "Traceback" not in words


@pytest.mark.long
def test_a_run_here_is_gone_on_with_there(
    call: Call, dask: Dask, planes: Path, model: Model, tmp_path: Path
) -> None:
    """The journal doesn't know where a plane was denoised."""
    command = ("denoise", planes, tmp_path / "out", "--model", model.folder)
    assert call(*command).status == 0
    before = content(tmp_path / "out")
    (tmp_path / "out" / "3.tif").unlink()
    answer = call(*command, "--scheduler", dask.address, "--resume")
    assert answer.status == 0, answer.err
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out", ()),
        ("out.tif", ("--seed-stack",)),
        ("out.zarr", ("--noise-sd", "5:30")),
        pytest.param("out", ("--seed-stack",), marks=pytest.mark.long),
        pytest.param("out", ("--noise-sd", "5:30"), marks=pytest.mark.long),
        pytest.param("out.tif", (), marks=pytest.mark.long),
        pytest.param("out.tif", ("--noise-sd", "5:30"), marks=pytest.mark.long),
        pytest.param("out.zarr", (), marks=pytest.mark.long),
        pytest.param("out.zarr", ("--seed-stack",), marks=pytest.mark.long),
    ],
)
def test_preprocess(
    call: Call, dask: Dask, planes: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    seen = []
    for place, where in ((tmp_path / "here", ()), (tmp_path, ("--scheduler", dask.address))):
        place.mkdir(exist_ok=True)
        rest = ("--clean", place / f"clean-{name}", "--seed", 7, "--factor", 2, *options, *where)
        answer = call("preprocess", planes, place / name, *rest)
        assert answer.status == 0, answer.err
        seen.append(content(place / name) | content(place / f"clean-{name}"))
    assert seen[0] == seen[1]


@pytest.mark.long
def test_a_cluster_of_this_machine(call: Call, planes: Path, tmp_path: Path) -> None:
    command = ("preprocess", planes, "--seed", 7, "--factor", 2)
    answer = call(
        *command[:2], tmp_path / "out", *command[2:], "--cluster", "local", "--workers", 2
    )
    assert answer.status == 0, answer.err
    assert "Dask dashboard: http://127.0.0.1:" in answer.err
    assert call(*command[:2], tmp_path / "here", *command[2:]).status == 0
    assert content(tmp_path / "out") == content(tmp_path / "here")
    record = json.loads((tmp_path / "out/crispim-preprocess.json").read_text())
    assert [plane["seed"] for plane in record["noise"]["planes"]] == list(range(7, 13))
