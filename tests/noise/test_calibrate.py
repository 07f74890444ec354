from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise import Calibration, CalibrationSettings, CameraNoise, calibrate
from crispim_ij.planes import open_source
from tests.noise.conftest import DARK, Taken, picture

GIVEN = CalibrationSettings(offset=DARK)


def measure(
    taken: Taken, planes: NDArray[Any], settings: CalibrationSettings = GIVEN
) -> Calibration:
    with taken.source(planes) as source:
        return calibrate(source, settings)


def assert_same_noise(found: CameraNoise, true: CameraNoise, light: NDArray[Any]) -> None:
    """Compare standard deviations at all light that most pixels have, to 5 %."""
    levels = np.percentile(light, (2, 25, 50, 75, 98))
    np.testing.assert_allclose(found.variance(levels), true.variance(levels), rtol=0.1)


@pytest.mark.parametrize("gain", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("read_noise", [2.0, 8.0, 25.0])
def test_a_known_camera_is_found(
    taken: Taken, volume: NDArray[np.uint16], gain: float, read_noise: float
) -> None:
    true = CameraNoise(gain, DARK, read_noise)
    found = measure(taken, picture(volume, true))
    assert_same_noise(found.camera, true, volume)
    # Of two kinds of noise the far weaker one can't be known well.
    shot_over_read = gain * (np.median(volume) - DARK) / read_noise**2
    if shot_over_read > 0.5:
        assert found.grows_with_light
        assert found.camera.gain == pytest.approx(gain, rel=0.1)
    if shot_over_read < 20:
        assert found.camera.read_noise == pytest.approx(read_noise, rel=0.1)
    assert not found.is_correlated
    assert found.residual < 0.1


@pytest.mark.parametrize("sd", [10.0, 30.0, 60.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pure_gaussian_noise(
    taken: Taken, volume: NDArray[np.uint16], sd: float, seed: int
) -> None:
    true = CameraNoise(0, DARK, sd)
    dark = measure(taken, picture(volume + np.uint16(200), true, seed=seed))
    assert dark.model == "Gaussian"
    assert dark.camera.gain == 0
    assert dark.camera.read_noise == pytest.approx(sd, rel=0.03)


def test_the_offset_of_the_darkest_blocks(taken: Taken, volume: NDArray[np.uint16]) -> None:
    true = CameraNoise(2, DARK, 10)
    noisy = picture(volume, true)
    given, guessed = measure(taken, noisy), measure(taken, noisy, CalibrationSettings())
    assert given.offset_given
    assert not guessed.offset_given
    assert DARK <= guessed.camera.offset < DARK + 15
    # Offset and read noise can't be told apart: the noise is the same.
    assert guessed.camera.gain == pytest.approx(given.camera.gain, rel=0.01)
    assert guessed.camera.read_noise > given.camera.read_noise
    assert_same_noise(guessed.camera, true, volume)


@pytest.mark.parametrize(
    ("dtype", "scale", "shift"),
    [(np.uint8, 0.25, 30), (np.int16, 1, -300), (np.float32, 1, -500.5)],
)
def test_other_types(
    taken: Taken, volume: NDArray[np.uint16], dtype: DTypeLike, scale: float, shift: float
) -> None:
    clean = (volume.clip(0, 900) - float(DARK)) * scale + shift
    true = CameraNoise(2 * scale, shift, 12 * scale)
    found = measure(taken, picture(clean, true, dtype), CalibrationSettings(offset=shift))
    assert found.camera.gain == pytest.approx(true.gain, rel=0.1)
    assert found.camera.read_noise == pytest.approx(true.read_noise, rel=0.1)


def test_clipped_parts_are_left_out(taken: Taken, volume: NDArray[np.uint16]) -> None:
    true = CameraNoise(2, DARK, 10)
    noisy = picture(volume, true)
    assert measure(taken, noisy).left_out == 0
    saturated = np.where(noisy > 511, 511, noisy).astype(np.uint16)
    below = np.where(noisy > DARK + 20, noisy - (DARK + 20), 0).astype(np.uint16)
    for planes, offset in ((saturated, DARK), (below, -20)):
        found = measure(taken, planes, CalibrationSettings(offset=offset))
        assert found.left_out > 0.005
        assert found.camera.gain == pytest.approx(2, rel=0.15)


def test_filled_margins_are_left_out(taken: Taken, volume: NDArray[np.uint16]) -> None:
    noisy = picture(volume, CameraNoise(2, DARK, 10))
    noisy[:, :, :120] = 77
    found = measure(taken, noisy)
    assert found.left_out == pytest.approx(0.3, abs=0.05)
    assert found.camera.gain == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("axis", [1, 2])
def test_noise_that_neighbours_share(taken: Taken, volume: NDArray[np.uint16], axis: int) -> None:
    white = np.random.default_rng(0).normal(0, 30, volume.shape)
    shared = (white + 0.5 * np.roll(white, 1, axis)) / 1.25**0.5
    found = measure(taken, np.rint(volume + 200 + shared).clip(0, None).astype(np.uint16))
    assert found.is_correlated
    assert (found.down, found.right)[axis - 1] == pytest.approx(0.4, abs=0.05)
    assert (found.right, found.down)[axis - 1] == pytest.approx(0, abs=0.03)


def test_planes_are_spread_over_the_stack(taken: Taken, volume: NDArray[np.uint16]) -> None:
    done: list[int] = []
    noisy = picture(volume, CameraNoise(1, DARK, 5))
    with taken.source(noisy) as source:
        calibrate(source, CalibrationSettings(3), done.append)
        assert done == [1, 2, 3]
        assert calibrate(source, CalibrationSettings(99)).planes == 4


@pytest.mark.parametrize(
    ("planes", "says"),
    [
        (np.full((3, 64, 64), 100, np.uint16), "no noise"),
        (np.full((3, 64, 64), 65535, np.uint16), "no noise"),
        (np.zeros((3, 7, 64), np.uint16), "64 x 7 px, too small"),
    ],
)
def test_planes_that_tell_nothing(taken: Taken, planes: NDArray[Any], says: str) -> None:
    with pytest.raises(CrispimError, match=rf"taken\.tif.*{says}"):
        measure(taken, planes)


@pytest.mark.parametrize("shape", [(9, 128, 128), (1, 40, 40)])
def test_planes_of_one_light_tell_one_value(taken: Taken, shape: tuple[int, ...]) -> None:
    even = np.random.default_rng(0).normal(300, 20, shape).round().astype(np.uint16)
    found = measure(taken, even)
    assert found.camera.gain == 0
    assert found.camera.read_noise == pytest.approx(20, rel=0.07)


@pytest.mark.parametrize(
    ("planes", "offset", "says"),
    [(0, None, "--planes"), (4, float("nan"), "--offset"), (4, float("inf"), "--offset")],
)
def test_settings_that_can_not_be(planes: int, offset: float | None, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        CalibrationSettings(planes, offset)


DATA = os.environ.get("CRISPIM_DATA")


@pytest.mark.skipif(not DATA, reason="CRISPIM_DATA is not set")
@pytest.mark.parametrize(
    ("name", "scale", "lowest", "highest"),
    [
        ("train/trailmap-axons", 0.351, 16, 19),
        ("dev/trailmap-axons-tail", 0.351, 16, 19),
        ("dev/cellfinder-cells", 0.412, 14, 18),
        ("train/dlmbmap-axons", 0.1, 6, 8.5),
    ],
)
def test_real_stacks(name: str, scale: float, lowest: float, highest: float) -> None:
    """Noise at the median light, as another measure has it."""
    assert DATA is not None
    with open_source(Path(DATA) / f"{name}.tif") as source:
        found = calibrate(source, CalibrationSettings())
        light = np.median(source.read(len(source) // 2))
    sd = scale * float(found.camera.variance(light)) ** 0.5
    assert lowest <= sd <= highest
    assert found.grows_with_light
