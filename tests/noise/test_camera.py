from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise import (
    Calibration,
    CalibrationSettings,
    CameraNoise,
    CameraRange,
    add_camera_noise,
    calibrate,
    camera_as_text,
    parse_noise,
    plot_calibration,
    range_of,
    read_camera,
    read_range,
    write_camera,
)
from tests.noise.conftest import DARK, Taken, picture

PIXELS = 40_000


@settings(max_examples=40)
@given(
    gain=st.just(0.0) | st.floats(0.01, 20),
    offset=st.floats(0, 200),
    read_noise=st.floats(0.1, 40),
    light=st.floats(0, 5000),
    seed=st.integers(0, 1000),
)
def test_mean_and_variance_are_the_formulas(
    gain: float, offset: float, read_noise: float, light: float, seed: int
) -> None:
    camera = CameraNoise(gain, offset, read_noise)
    clean = np.full(PIXELS, offset + light)
    noisy = add_camera_noise(clean, camera, np.random.default_rng(seed))
    variance = gain * light + read_noise**2
    np.testing.assert_allclose(camera.variance(clean[:1]), variance)
    # Six standard errors; the fourth moment of Poisson's numbers exceeds the normal one's.
    excess = gain**3 * light / variance**2
    assert abs(noisy.mean() - clean[0]) < 6 * (variance / PIXELS) ** 0.5
    assert abs(noisy.var() / variance - 1) < 6 * ((2 + excess) / PIXELS) ** 0.5


def test_electrons_are_counted_whole() -> None:
    noisy = add_camera_noise(np.full(9999, 37.0), CameraNoise(5, 10, 0), np.random.default_rng(0))
    electrons = (noisy - 10) / 5
    np.testing.assert_allclose(electrons, np.rint(electrons), atol=1e-9)
    assert electrons.min() >= 0
    assert np.unique(np.rint(electrons)).size > 10


def test_below_the_offset_there_is_read_noise_alone() -> None:
    camera = CameraNoise(5, 100, 2)
    noisy = add_camera_noise(np.full(PIXELS, 60.0), camera, np.random.default_rng(0))
    assert noisy.mean() == pytest.approx(60, abs=0.1)
    assert noisy.std() == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.uint8, 0, 255), (np.uint16, 0, 65535), (np.int16, -32768, 32767)],
)
def test_noise_is_clipped_to_the_type_but_not_rounded(
    dtype: DTypeLike, low: int, high: int
) -> None:
    camera, rng = CameraNoise(0, 0, 20), np.random.default_rng(0)
    for edge in (low, high):
        noisy = add_camera_noise(np.full(1000, edge, dtype), camera, rng)
        assert (noisy.min() == low) or (noisy.max() == high)
        assert low <= noisy.min() < noisy.max() <= high
        assert np.any(noisy % 1)
    as_floats = add_camera_noise(np.full(1000, high, np.float32), camera, rng, dtype)
    assert as_floats.max() == high
    assert add_camera_noise(np.full(1000, high, np.float32), camera, rng).max() > high


def test_without_gain_it_is_the_gaussian() -> None:
    clean = np.full((20, 30), 300, np.uint16)
    noisy = add_camera_noise(clean, CameraNoise(0, 100, 7), np.random.default_rng(5))
    expected = clean + np.random.default_rng(5).normal(0, 7, clean.shape)
    np.testing.assert_array_equal(noisy, expected)


BAD: list[tuple[str, Any]] = [
    ("gain", -1.0),
    ("gain", 1e-12),
    ("gain", float("nan")),
    ("gain", 1e7),
    ("offset", float("inf")),
    ("offset", -1e7),
    ("read_noise", -0.5),
    ("read_noise", float("nan")),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_no_camera_can_have(name: str, value: float) -> None:
    values = {"gain": 1.0, "offset": 100.0, "read_noise": 3.0, name: value}
    with pytest.raises(CrispimError, match=f"camera's {name} can't be .*--camera.*counts"):
        CameraNoise(**values)


@given(st.integers(0, 999))
def test_a_camera_is_drawn_from_its_range(seed: int) -> None:
    ranges = CameraRange((0.5, 2.0), (90.0, 110.0), (3.0, 3.0))
    camera = ranges.draw(np.random.default_rng(seed))
    assert 0.5 <= camera.gain <= 2
    assert 90 <= camera.offset <= 110
    assert camera.read_noise == 3
    assert camera == ranges.draw(np.random.default_rng(seed))


def test_a_range_of_one() -> None:
    camera = CameraNoise(2.5, 100, 4)
    assert range_of(camera).draw(np.random.default_rng(1)) == camera


@pytest.mark.parametrize(
    ("gain", "offset", "read_noise", "says"),
    [
        ((2, 1), (0, 0), (1, 1), "gain can't be 2:1"),
        ((1, 2), (5, 0), (1, 1), "offset can't be 5:0"),
        ((1, 2), (0, 0), (-1, 1), "read_noise can't be -1"),
        ((0, 2), (0, 0), (1, 1), "gain can't be 0:2"),
        ((1, float("nan")), (0, 0), (1, 1), "gain can't be 1:nan"),
    ],
)
def test_ranges_that_can_not_be(gain: Any, offset: Any, read_noise: Any, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        CameraRange(gain, offset, read_noise)


def test_tables_are_read() -> None:
    table = {"gain": [1, 2.5], "offset": 100, "read_noise": (3.0, 4.0)}
    assert read_range(table) == CameraRange((1, 2.5), (100, 100), (3, 4))


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"gain": 1, "offset": 100},
        {"gain": 1, "offset": 100, "read_noise": 1, "colour": 2},
        {"gain": "1", "offset": 100, "read_noise": 1},
        {"gain": True, "offset": 100, "read_noise": 1},
        {"gain": [1, 2, 3], "offset": 100, "read_noise": 1},
    ],
)
def test_tables_that_are_none(table: dict[str, Any]) -> None:
    assert read_range(table) is None


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
