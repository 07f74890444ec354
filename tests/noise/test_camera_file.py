from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise import (
    Calibration,
    CalibrationSettings,
    CameraNoise,
    calibrate,
    camera_as_text,
    parse_noise,
    plot_calibration,
    read_camera,
    write_camera,
)
from tests.noise.conftest import DARK, Taken, picture


@pytest.fixture
def found(taken: Taken, volume: NDArray[np.uint16]) -> Calibration:
    with taken.source(picture(volume, CameraNoise(2, DARK, 10))) as source:
        return calibrate(source, CalibrationSettings())


def test_a_file_is_read_back(found: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    write_camera(found, Path("scan.tif"), path)
    assert read_camera(str(path)) == found.camera
    measured = json.loads(path.read_text())["measured"]
    assert (measured["model"], measured["input"]) == ("Poisson-Gaussian", "scan.tif")
    assert len(measured["levels"]) == len(found.levels)


def test_a_picture_is_drawn(found: Calibration, tmp_path: Path) -> None:
    plot_calibration(found, tmp_path / "camera.png")
    image = imread(tmp_path / "camera.png")
    assert image.shape[1] > image.shape[0] > 500
    assert image.std() > 0.05
    assert [path.name for path in tmp_path.glob("camera*")] == ["camera.png"]


@given(st.floats(0.001, 50), st.floats(-50, 500), st.floats(0, 80))
def test_numbers_are_read_to_the_last_bit(gain: float, offset: float, read: float) -> None:
    camera = CameraNoise(gain, offset, read)
    assert read_camera(camera_as_text(camera)) == camera


def test_numbers_in_other_forms() -> None:
    assert read_camera("0.5:100:3") == CameraNoise(0.5, 100, 3)


@pytest.mark.parametrize("text", ["nowhere.json", "1:2", "1:2:3:4", "1:2:x", "C:\\camera.json", ""])
def test_what_is_no_camera(text: str) -> None:
    with pytest.raises(CrispimError, match=r"--camera.*GAIN:OFFSET:READ"):
        read_camera(text)


@pytest.mark.parametrize("text", ["-1:100:3", "1:nan:3", "1:100:-3"])
def test_numbers_that_no_camera_has(text: str) -> None:
    with pytest.raises(CrispimError, match=r"can't be .*--camera"):
        read_camera(text)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"camera": {"gain": 1}}', '{"camera": {"gain": "x"}}', "\udcff"]
)
def test_files_that_hold_no_camera(tmp_path: Path, content: str) -> None:
    path = tmp_path / "camera.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CrispimError, match=r"camera\.json' \(--camera\) can't be read"):
        read_camera(str(path))


@pytest.mark.parametrize("text", ["auto", "AUTO", " auto "])
def test_noise_that_is_to_be_measured(text: str) -> None:
    assert parse_noise(text) is None


def test_noise_that_is_given() -> None:
    assert parse_noise("35") == CameraNoise(0, 0, 35)
    assert parse_noise("2.1:100:9.8") == CameraNoise(2.1, 100, 9.8)
    assert parse_noise("0:0:7.5") == CameraNoise(0, 0, 7.5)


@pytest.mark.parametrize("text", ["", "strong", "0", "-3", "nan", "1:2", "1:2:x", "1:2:3:4"])
def test_what_is_no_noise(text: str) -> None:
    with pytest.raises(CrispimError, match=r"--noise.*auto.*GAIN:OFFSET:READ_NOISE"):
        parse_noise(text)


@pytest.mark.parametrize("text", ["-1:100:3", "1:nan:3", "1:100:-3", "inf"])
def test_noise_that_no_camera_has(text: str) -> None:
    with pytest.raises(CrispimError, match=r"can't be .*--noise"):
        parse_noise(text)
