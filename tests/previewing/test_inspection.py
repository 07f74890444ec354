from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from crispim_ij.previewing import inspect_path


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    planes = np.random.default_rng(0).integers(50, 500, (4, 2, 40, 60), np.uint16)
    planes[0, 0, :4] = 65535
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 4.0}
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, planes, imagej=True, resolution=(0.5, 0.25), metadata=metadata)
    return path


def test_a_hyperstack(stack: Path) -> None:
    found = inspect_path(stack)
    contents = found.contents
    assert contents is not None
    assert found.format == "ImageJ TIFF"
    assert (contents.planes, contents.rows, contents.columns) == (8, 40, 60)
    assert (contents.dtype, contents.size) == ("uint16", 8 * 40 * 60 * 2)
    assert contents.axes == {"Z": 4, "C": 2}
    assert (contents.pixel_size, contents.z_step, contents.unit) == ((4, 2), 4, "µm")
    assert contents.compression == "none"
    assert [facts.plane for facts in contents.looked_at] == [0, 4, 7]
    assert [facts.saturated for facts in contents.looked_at] == [0.1, 0, 0]
    assert contents.looked_at[0].percentiles[-1] == 65535
    assert [found.channel for found in contents.noise] == [0, 1]
    assert found.refusals == {"denoise": None, "preprocess": None}
    json.dumps(asdict(found))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr(stack: Path, tmp_path: Path, version: str) -> None:
    settings = SinkSettings(zarr=ZarrSettings(version))  # type: ignore[arg-type]
    output = tmp_path / "stack.zarr"
    with open_source(stack) as source, create_sink(output, source, settings) as sink:
        for index in range(len(source)):
            sink.write(index, source.read(index))
    found = inspect_path(output)
    assert found.format == f"OME-Zarr {version}"
    assert found.contents is not None
    assert found.contents.axes == {"Z": 4, "C": 2}
    assert found.contents.compression != "bytes"


def test_a_folder_of_compressed_planes(tmp_path: Path) -> None:
    for index in range(2):
        plane = np.full((40, 60), 255, np.uint8)
        tifffile.imwrite(tmp_path / f"{index}.tif", plane, compression="zlib")
    found = inspect_path(tmp_path)
    assert found.format == "folder of TIFF files, one plane each"
    assert found.contents is not None
    assert found.contents.compression == "adobe_deflate"
    assert found.contents.looked_at[0].saturated == 1


def test_a_camera_of_12_bits_saturates(tmp_path: Path) -> None:
    plane = np.zeros((40, 60), np.uint16)
    plane[:20] = 4095
    tifffile.imwrite(tmp_path / "plane.tif", plane)
    found = inspect_path(tmp_path / "plane.tif").contents
    assert found is not None
    assert found.looked_at[0].saturated == 0.5


@pytest.mark.parametrize(
    ("plane", "denoise", "preprocess"),
    [
        (np.zeros((40, 60), np.int16), None, "ImageJ can't hold the int16 planes"),
        (np.zeros((40, 2), np.uint16), "too small for model", None),
        (np.full((40, 60), np.nan, np.float32), "NaN or infinite", "NaN or infinite"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, plane: np.ndarray, denoise: str | None, preprocess: str | None
) -> None:
    tifffile.imwrite(tmp_path / "plane.tif", plane)
    found = inspect_path(tmp_path / "plane.tif")
    assert found.contents is not None
    for command, reason in {"denoise": denoise, "preprocess": preprocess}.items():
        said = found.refusals[command]
        assert (said is None) if reason is None else reason in str(said)


def test_what_can_not_be_opened(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((20, 30, 3), np.uint8), photometric="rgb")
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "broken.tif").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    for name, described, reason in (
        ("rgb.tif", "TIFF with axes YXS, shape (20, 30, 3), uint8", "split its channels"),
        ("text.txt", "not a TIFF", "can be read"),
        ("broken.tif", "damaged TIFF, or not one", "can be read"),
        ("empty", "folder (empty)", "holds no TIFF files"),
        (".", "folder (2 .tif, 1 .txt, 1 no ending)", "broken.tif' is not a TIFF"),
    ):
        found = inspect_path(tmp_path / name)
        assert found.contents is None
        assert found.format == described
        assert reason in str(found.refusals["denoise"])


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="does not exist"):
        inspect_path(tmp_path / "nowhere")
