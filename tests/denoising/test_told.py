"""Models that are told the noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings, denoise_planes
from crispim_ij.denoising.denoiser import check_options
from crispim_ij.denoising.load import load_denoiser
from crispim_ij.denoising.uncertainty import AugmentedDenoiser, ErrorModel, UncertainDenoiser
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.networks import mini_stack
from crispim_ij.noise import (
    MEASURED,
    NO_NOISE,
    CameraNoise,
    NoiseOptions,
    StackNoise,
    add_camera_noise,
    restore,
    stabilise,
    tell_noise,
)
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from crispim_ij.planes.arrays import ArraySink, ArraySource
from tests.told import told_model

CAMERA = CameraNoise(2.0, 100.0, 6.0)
GAUSSIAN = CameraNoise(0.0, 0.0, 30.0)
NOISES = pytest.mark.parametrize("noise", [CAMERA, GAUSSIAN], ids=["camera", "gaussian"])
LIGHT = np.random.default_rng(1).gamma(4, 60, (24, 36)).repeat(4, 0).repeat(4, 1)[:93, :141] + 100
FACTORS = pytest.mark.parametrize(
    "k", [1e-5, *(pytest.param(k, marks=pytest.mark.long) for k in (1e-2, 3.0)), 100.0]
)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A 2D model."""
    return told_model(tmp_path_factory.mktemp("models") / "flat")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with neighbouring planes."""
    return told_model(tmp_path_factory.mktemp("models") / "deep", "stabilised-2.5d")


@pytest.fixture(scope="module")
def augmented(flat: Model) -> AugmentedDenoiser:
    """The 2D model with what its errors are told by."""
    return AugmentedDenoiser(flat, DenoiseSettings())


def running(model: Model, tile: int = 1024) -> Denoiser:
    """A model, compiled once for all tests."""
    return load_denoiser(model, DenoiseSettings(tile=tile))


def noisy(noise: CameraNoise, seed: int = 0) -> NDArray[np.float32]:
    """A plane that a camera took."""
    return add_camera_noise(LIGHT, noise, np.random.default_rng(seed)).astype(np.float32)


def scaled(noise: CameraNoise, k: float) -> CameraNoise:
    """The noise of counts that are multiplied."""
    return CameraNoise(noise.gain * k, noise.offset * k, noise.read_noise * k)


def in_sds(difference: NDArray[np.float32], noise: CameraNoise) -> float:
    """The largest difference, in standard deviations of the noise there."""
    return float(np.max(np.abs(difference) / np.sqrt(noise.variance(LIGHT))))


@NOISES
@pytest.mark.parametrize("tile", [64, 1024])
def test_tiled_equals_whole(flat: Model, noise: CameraNoise, tile: int) -> None:
    plane = noisy(noise)
    halo, stride = flat.spec.halo, flat.spec.stride
    margins = [(halo, halo + -side % stride) for side in plane.shape]
    extended = stabilise(np.pad(plane, margins, mode="symmetric"), noise)
    whole = np.asarray(flat.network()(extended[None, ..., None]))[0, ..., 0]
    expected = whole[halo : halo + 93, halo : halo + 141]
    result = running(flat, tile).told(noise)(plane)
    assert result.dtype == np.float32
    assert np.abs(stabilise(plane, noise) - expected).std() > 0.05  # it does something
    assert in_sds(result - restore(expected, noise), noise) < 1e-3


@NOISES
def test_3d_tiles_equal_the_whole(deep: Model, noise: CameraNoise) -> None:
    stack = np.stack([noisy(noise, seed) for seed in range(deep.spec.depth)])
    whole, tiled = (running(deep, tile).told(noise)(stack) for tile in (1024, 64))
    assert in_sds(whole - stack[len(stack) // 2], noise) > 0.1
    assert in_sds(tiled - whole, noise) < 1e-3


def test_planes_that_do_not_fit_block_nothing_that_comes_later(deep: Model) -> None:
    denoiser = running(deep).told(CAMERA)
    stack = np.stack([noisy(CAMERA, seed) for seed in range(deep.spec.depth)])
    with pytest.raises(ValueError, match=r"where \(7, 'Y', 'X'\) is needed"):
        denoiser(stack[:-1])
    later = Thread(target=denoiser, args=(stack,), daemon=True)
    later.start()
    later.join(60)
    assert not later.is_alive()


@NOISES
@FACTORS
def test_what_is_brighter_is_denoised_alike(flat: Model, noise: CameraNoise, k: float) -> None:
    denoiser, plane = running(flat), noisy(noise)
    plain = denoiser.told(noise)(plane)
    times_k = denoiser.told(scaled(noise, k))(plane * np.float32(k))
    assert in_sds(times_k / k - plain, noise) < 1e-3


@NOISES
@FACTORS
def test_augmentation_is_in_counts(
    augmented: AugmentedDenoiser, noise: CameraNoise, k: float
) -> None:
    plane = noisy(noise)
    denoised, *plain = augmented.told(noise)(plane)
    result, *times_k = augmented.told(scaled(noise, k))(plane * np.float32(k))
    assert in_sds(result / k - denoised, noise) < 1e-3
    for one, other in zip(plain, times_k, strict=True):
        assert one.min() > 0
        assert in_sds(other / k - one, noise) < 1e-3


def test_the_residue_of_gaussian_noise_is_what_was_taken_off(augmented: AugmentedDenoiser) -> None:
    from scipy.ndimage import uniform_filter

    plane = noisy(GAUSSIAN)
    denoised, _, residue = augmented.told(GAUSSIAN)(plane)
    left = np.sqrt(uniform_filter((plane - denoised) ** 2, 17))
    np.testing.assert_allclose(residue[9:-9, 9:-9], left[9:-9, 9:-9], rtol=1e-3)


def test_expected_errors_are_in_counts(flat: Model, augmented: AugmentedDenoiser) -> None:
    ErrorModel(2.0, 0.1, flat.spec.sha256).write(flat.folder)
    plane = noisy(CAMERA)
    denoised, error = UncertainDenoiser(flat, DenoiseSettings(tile=64)).told(CAMERA)(plane)
    plain, spread, residue = augmented.told(CAMERA)(plane)
    assert in_sds(denoised - plain, CAMERA) < 1e-3
    np.testing.assert_allclose(error, np.hypot(2 * spread, 0.1 * residue), rtol=1e-3)


@pytest.mark.parametrize("tile", [64, 1024])
def test_planes_without_noise_stay_as_they_are(
    flat: Model, deep: Model, augmented: AugmentedDenoiser, tile: int
) -> None:
    stack = np.stack([noisy(CAMERA, seed) for seed in range(5)])
    np.testing.assert_array_equal(running(flat, tile).told(NO_NOISE)(stack[0]), stack[0])
    np.testing.assert_array_equal(running(deep, tile).told(NO_NOISE)(stack), stack[2])
    result, *others = augmented.told(NO_NOISE)(stack[0])
    np.testing.assert_array_equal(result, stack[0])
    assert not np.any(others)


def test_telling_makes_another_denoiser(flat: Model) -> None:
    denoiser = running(flat)
    assert denoiser.told(CAMERA).noise == CAMERA
    assert denoiser.noise is None
    with pytest.raises(CrispimError, match="'flat' must be told the noise"):
        denoiser(LIGHT)


def test_the_noise_of_planes_is_measured(flat: Model, model: Model) -> None:
    stack = np.stack([noisy(GAUSSIAN, seed) for seed in range(3)])
    told = running(flat).told_by(stack).noise
    assert told is not None
    assert told.read_noise == pytest.approx(30, rel=0.05)
    guesses = running(model)
    assert guesses.told_by(stack) is guesses


def test_a_model_that_guesses_takes_no_heed(model: Model) -> None:
    denoiser, plane = running(model), noisy(GAUSSIAN)
    np.testing.assert_array_equal(denoiser.told(CAMERA)(plane), denoiser(plane))


def test_options_for_a_model_that_guesses_are_refused(flat: Model, model: Model) -> None:
    check_options(model.spec, MEASURED)
    for options in (NoiseOptions(GAUSSIAN), NoiseOptions(strength=1.5)):
        check_options(flat.spec, options)
        with pytest.raises(CrispimError, match=r"guesses the noise.*--noise.*--strength"):
            check_options(model.spec, options)


def test_strength_is_stronger_noise(flat: Model) -> None:
    denoiser, source = running(flat), ArraySource(noisy(CAMERA))
    results = {}
    for strength in (0.5, 1.0, 2.0):
        (noise,) = StackNoise((CAMERA,), strength).of_planes(source)
        sds = np.sqrt(noise.variance(LIGHT) / CAMERA.variance(LIGHT))
        np.testing.assert_allclose(sds, strength)
        results[strength] = denoiser.told(noise)(source.read(0))
    assert in_sds(results[2.0] - results[1.0], CAMERA) > 0.05
    assert in_sds(results[0.5] - results[1.0], CAMERA) > 0.05


def denoised(source: ArraySource, denoiser: Denoiser, noises: list[CameraNoise]) -> NDArray:
    """Denoise planes in memory, each told its noise."""
    sink = ArraySink(source.shape, np.float32)
    list(denoise_planes(source, sink, denoiser, noises))
    return sink.pixels


@pytest.mark.parametrize("kind", ["flat", "deep"])
def test_each_channel_is_denoised_as_if_alone(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    denoiser = running(request.getfixturevalue(kind))
    faint, strong = CameraNoise(0, 0, 8), CameraNoise(0, 0, 60)
    channels = [
        np.stack([noisy(noise, seed + z) for z in range(5)])
        for seed, noise in enumerate((faint, strong))
    ]
    stack = np.stack(channels, axis=1)
    tifffile.imwrite(tmp_path / "two.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    with open_source(tmp_path / "two.tif") as source:
        told = tell_noise(source, MEASURED)
        noises = told.of_planes(source)
        sink = ArraySink(source.shape, np.float32)
        list(denoise_planes(source, sink, denoiser, noises))
    sds = [noise.read_noise for noise in noises]
    assert sds[0::2] == pytest.approx([8] * 5, rel=0.1)
    assert sds[1::2] == pytest.approx([60] * 5, rel=0.1)
    for number, channel in enumerate(channels):
        own = [told.channels[number]] * 5
        expected = denoised(ArraySource(channel), denoiser, own)
        np.testing.assert_array_equal(sink.pixels[number::2], expected)


@pytest.mark.parametrize("kind", ["flat", "deep"])
def test_parts_equal_whole_planes(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    denoiser = running(request.getfixturevalue(kind), 64)
    stack = np.stack([noisy(CAMERA, seed) for seed in range(4)])
    # Another noise of each plane, as of planes that are each a channel.
    noises = [replace(CAMERA, read_noise=6.0 + k) for k in range(4)]
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack", rowsperstrip=8)
    chosen = SinkSettings(dtype=np.dtype("float32"), zarr=ZarrSettings(chunk=32))
    with (
        open_source(tmp_path / "in.tif") as source,
        create_sink(tmp_path / "out.zarr", source, chosen) as sink,
    ):
        list(denoise_planes(source, sink, denoiser, noises))
    with open_source(tmp_path / "out.zarr") as written:
        for k in range(4):
            given = stack[k] if denoiser.depth == 1 else stack[mini_stack(k, 4, denoiser.depth)]
            expected = denoiser.told(noises[k])(given)
            assert in_sds(written.read(k) - expected, CAMERA) < 1e-3
