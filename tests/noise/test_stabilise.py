"""Counts whose noise has a standard deviation of 1, and back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.noise import (
    CameraNoise,
    add_camera_noise,
    expected,
    restore,
    stabilise,
    unit_in_counts,
)

CAMERAS = pytest.mark.parametrize(
    "camera",
    [CameraNoise(1, 0, 0), CameraNoise(2, 100, 3), CameraNoise(0.3, 98, 1.5)],
    ids=["photons", "sCMOS", "low gain"],
)
DRAWS = 400_000


def light(camera: CameraNoise, electrons: float) -> float:
    """Counts of so many photo-electrons."""
    return camera.offset + camera.gain * electrons


def values(camera: CameraNoise, electrons: float) -> NDArray[np.float32]:
    """Many draws of a pixel, stabilised."""
    clean = np.full(DRAWS, light(camera, electrons))
    counts = add_camera_noise(clean, camera, np.random.default_rng(0))
    return stabilise(counts.astype(np.float32), camera)


def bias(camera: CameraNoise, electrons: float) -> float:
    """Of the restored mean, in standard deviations of the noise."""
    mean = np.array([values(camera, electrons).mean(dtype=np.float64)])
    clean = np.array([light(camera, electrons)])
    return float(((restore(mean, camera) - clean) / unit_in_counts(clean, camera))[0])


@CAMERAS
@pytest.mark.parametrize("electrons", [4, 10, 100, 3000])
def test_the_noise_is_1(camera: CameraNoise, electrons: float) -> None:
    assert values(camera, electrons).std(dtype=np.float64) == pytest.approx(1, rel=0.03)


@CAMERAS
@pytest.mark.parametrize("electrons", [3, 5, 10, 100, 3000])
def test_what_is_restored_is_not_biased(camera: CameraNoise, electrons: float) -> None:
    assert abs(bias(camera, electrons)) < 0.02


@CAMERAS
def test_without_light_it_hardly_is(camera: CameraNoise) -> None:
    assert abs(bias(camera, 0)) < 0.2


@CAMERAS
def test_expected_values_are_restored(camera: CameraNoise) -> None:
    electrons = np.concatenate([[0, 0.1, 0.3, 1], np.geomspace(2, 60_000, 100)])
    clean = (camera.offset + camera.gain * electrons).astype(np.float32)
    off = (restore(expected(clean, camera), camera) - clean) / unit_in_counts(clean, camera)
    assert np.abs(off).max() < 1e-3


@CAMERAS
def test_expected_values_are_the_mean(camera: CameraNoise) -> None:
    for electrons in (5, 50, 500):
        clean = np.array([light(camera, electrons)], np.float32)
        mean = values(camera, electrons).mean(dtype=np.float64)
        assert expected(clean, camera)[0] == pytest.approx(mean, abs=0.02)


def test_gaussian_noise_is_divided_by() -> None:
    camera = CameraNoise(0, 100, 30)
    counts = np.linspace(-500, 60_000, 1001, dtype=np.float32)
    np.testing.assert_allclose(stabilise(counts, camera), (counts - 100) / 30, rtol=1e-6)
    np.testing.assert_allclose(restore(stabilise(counts, camera), camera), counts, rtol=1e-5)
    np.testing.assert_allclose(unit_in_counts(counts, camera), 30)


def test_a_vanishing_gain_is_none() -> None:
    counts = np.linspace(-200, 4000, 1001, dtype=np.float32)
    none = CameraNoise(0, 100, 30)
    off, shift = [], []
    for gain in (1e-3, 1e-5, 1e-9):
        camera = CameraNoise(gain, 100, 30)
        off.append(float(np.abs(stabilise(counts, camera) - stabilise(counts, none)).max()))
        back = restore(stabilise(counts, none), camera)
        shift.append(float(np.abs(back - counts).max()) / 30)
    assert off == sorted(off, reverse=True)
    assert off[-1] < 1e-4
    assert shift[-1] < 1e-4


@CAMERAS
def test_below_the_offset_it_goes_on_straight(camera: CameraNoise) -> None:
    counts = camera.offset + camera.gain * np.linspace(-20, 20, 4001, dtype=np.float32)
    steps = np.diff(stabilise(counts, camera))
    assert (steps > 0).all()
    dark = steps[:1990]
    np.testing.assert_allclose(dark, dark.mean(), rtol=0.05)
    assert steps.max() < 1.2 * dark.mean()
    assert (np.diff(restore(np.linspace(-20, 20, 4001, dtype=np.float32), camera)) > 0).all()


@CAMERAS
@pytest.mark.parametrize("k", [1e-5, 0.1, 100.0])
def test_the_unit_of_counts_is_of_no_matter(camera: CameraNoise, k: float) -> None:
    other = CameraNoise(camera.gain * k, camera.offset * k, camera.read_noise * k)
    counts = camera.offset + camera.gain * np.linspace(-5, 20_000, 2001, dtype=np.float32)
    plain = stabilise(counts, camera)
    # Counts of float32 are exact to 1e-7 of their size alone.
    np.testing.assert_allclose(stabilise(counts * np.float32(k), other), plain, atol=2e-3)
    back = restore(plain, other) / k - restore(plain, camera)
    assert np.abs(back / unit_in_counts(counts, camera)).max() < 2e-3
