from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising import load_denoiser
from crispim_ij.planes import open_source
from crispim_ij.planes.provenance import MODEL_HASH
from tests.cli.conftest import Call


def test_a_folder(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    answer = call("denoise", noisy, tmp_path / "out", "--model", model, "--tile", 16)
    assert answer.status == 0, answer.err
    assert f"3 denoised planes written to {tmp_path / 'out'}" in answer.out.replace("\n", "")
    denoise = load_denoiser(str(model))
    with open_source(noisy) as before, open_source(tmp_path / "out") as after:
        assert after.names == before.names
        assert after.dtype == np.uint16
        for index in range(3):
            expected = np.clip(np.rint(denoise(before.read(index))), 0, 65535)
            np.testing.assert_allclose(after.read(index), expected, atol=1)


@pytest.mark.long
def test_nothing_is_said_to_a_file(model: Path, noisy: Path, tmp_path: Path) -> None:
    """TensorFlow's own lines stay away, and so does the bar."""
    script = "from crispim_ij.cli.main import run; run()"
    options = [str(noisy), str(tmp_path / "out"), "--model", str(model)]
    command = [sys.executable, "-c", script, "denoise", *options]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert said == ""


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_another_type(call: Call, model: Path, noisy: Path, tmp_path: Path, dtype: str) -> None:
    output = tmp_path / "out.tif"
    answer = call(
        "denoise", noisy, output, "--model", model, "--dtype", dtype, "--compression", "zlib"
    )
    assert answer.status == 0, answer.err
    with tifffile.TiffFile(output) as tif:
        assert tif.asarray().shape == (3, 40, 60)
        assert tif.asarray().dtype == dtype
        assert tif.pages.first.compression.name == "ADOBE_DEFLATE"


def test_sizes_and_display_are_kept(call: Call, model: Path, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 500, (2, 3, 40, 60), np.uint16)
    tifffile.imwrite(
        tmp_path / "in.tif",
        stack,
        imagej=True,
        resolution=(0.5, 0.5),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 4.0, "Ranges": (0.0, 450.0) * 3},
    )
    answer = call("denoise", tmp_path / "in.tif", tmp_path / "out.tif", "--model", model)
    assert answer.status == 0, answer.err
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert tif.is_imagej
        assert tif.series[0].axes == "ZCYX"
        assert tif.imagej_metadata["spacing"] == 4.0
        assert tif.imagej_metadata["Ranges"] == (0.0, 450.0) * 3
    with open_source(tmp_path / "out.tif") as source:
        assert source.metadata.pixel_size == (2.0, 2.0)


def test_a_channel_into_an_ome_zarr_in_parts(call: Call, model: Path, tmp_path: Path) -> None:
    import zarr

    stack = np.random.default_rng(0).integers(50, 500, (2, 2, 40, 1100), np.uint16)
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 4.0}
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata=metadata)
    said = "denoise", tmp_path / "in.tif", tmp_path / "out.zarr", "--model", model
    answer = call(*said, "--channel", 2, "--pyramid", "--ome-zarr", "0.5")
    assert answer.status == 0, answer.err
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    assert group["0"].shape == (1, 1, 2, 40, 1100)
    assert group["1"].shape == (1, 1, 2, 20, 550)
    denoise = load_denoiser(str(model))
    for index in range(2):
        expected = np.clip(np.rint(denoise(stack[index, 1])), 0, 65535)
        np.testing.assert_allclose(group["0"][0, 0, index], expected, atol=1)
    again = call(*said, "--channel", 2, "--pyramid", "--ome-zarr", "0.5", "--resume")
    assert again.status == 0, again.err
    other = call(*said, "--channel", 1, "--pyramid", "--ome-zarr", "0.5", "--resume")
    assert other.status == 2
    assert '--channel was "2" when it was begun and is "1" now' in " ".join(other.err.split())


def test_what_is_kept_is_said(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    plane = np.ones((40, 60), np.float32)
    for index in range(3):
        tifffile.imwrite(noisy / f"{index}.tif", plane * (np.nan if index == 2 else 1))
    answer = call("denoise", noisy, tmp_path / "out", "--model", model)
    assert answer.status == 2
    said = " ".join(answer.err.split())
    assert "is kept: --resume continues it. Error: " in said
    assert "NaN" in said
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif")) == ["0.tif", "1.tif"]


def test_what_an_earlier_run_wrote_is_said(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = "denoise", noisy, out, "--model", model, "--resume"
    assert call(*given).out.replace("\n", "").endswith(f"written to {out}")
    assert call(*given).out.replace("\n", "").endswith(f"{out}, all of them by an earlier run")
    (out / "1.tif").unlink()
    assert call(*given).out.replace("\n", "").endswith(f"{out}, 2 of them by an earlier run")


def test_a_result_says_what_made_it(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("denoise", noisy, out, "--model", model).status == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "0.tif", "1.tif", "2.tif", "crispim-ij.json"
    ]  # fmt: skip
    with open_source(out) as planes:
        (record,) = planes.metadata.history
    assert (record["command"], record["model"]) == ("denoise", "random")
    assert (record["holds"], record["--dtype"]) == ("denoised planes", "uint16")
    shown = " ".join(call("inspect", out).out.split())
    assert "made by denoise of crispim-ij" in shown
    assert f"with random (SHA-256 {record[MODEL_HASH][:12]}" in shown
    again = call("denoise", out, tmp_path / "again.tif", "--model", model)
    assert again.status == 0
    assert f"'{out}' was denoised already" in " ".join(again.err.split())
    assert "denoised already" not in call("denoise", noisy, tmp_path / "b", "--model", model).err
