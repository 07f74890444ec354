from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.noise import CameraNoise, add_camera_noise, measure_noise
from crispim_ij.noise.risk import estimate_risk, join_risks, noise_in_pairs, recorrupt
from crispim_ij.planes.arrays import ArraySource

CAMERA = CameraNoise(gain=0.5, offset=0.0, read_noise=10.0)
STRENGTH = 0.3
LIGHT = 400.0
SD = np.sqrt(100 + 0.5 * LIGHT)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).normal(0, SD, shape).astype(np.float32)


def test_a_pair_has_independent_noises() -> None:
    n = noise((1, 600, 600))
    (given, target), _ = recorrupt(LIGHT + n, CAMERA, STRENGTH, np.random.default_rng(4))
    ours, theirs = given[0] - LIGHT, target - LIGHT
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] == pytest.approx(0, abs=0.005)
    assert ours.std() == pytest.approx(SD * np.hypot(1, STRENGTH), rel=0.01)
    assert theirs.std() == pytest.approx(SD * np.hypot(1, 1 / STRENGTH), rel=0.01)
    assert theirs.mean() == pytest.approx(0, abs=0.5)


def test_the_two_pairs_are_opposite() -> None:
    planes = LIGHT + noise((1, 32, 32))
    plus, minus = recorrupt(planes, CAMERA, STRENGTH, np.random.default_rng(4))
    for ours, theirs in zip(plus, minus, strict=True):
        np.testing.assert_allclose((ours + theirs).squeeze() / 2, planes[0], rtol=1e-5)
        assert (ours != theirs).all()


def test_the_loss_is_the_supervised_one_but_for_a_constant() -> None:
    clean = LIGHT + 50 * np.sin(np.arange(512) / 9)[:, None] * np.ones(512)
    planes = (clean + noise(clean.shape))[np.newaxis].astype(np.float32)
    same_everywhere = CameraNoise(gain=0.0, offset=0.0, read_noise=SD)
    rng = np.random.default_rng(5)

    def smoothed(plane: np.ndarray, keep: float) -> np.ndarray:
        return keep * plane + (1 - keep) * np.roll(plane, 1, 0)

    def excess(keep: float) -> float:
        pairs = [recorrupt(planes, same_everywhere, STRENGTH, rng) for _ in range(8)]
        blind = np.mean([np.mean((smoothed(x[0], keep) - t) ** 2) for p in pairs for x, t in p])
        real = np.mean([np.mean((smoothed(x[0], keep) - clean) ** 2) for p in pairs for x, _ in p])
        return float(blind - real)

    constant = SD**2 * (1 + 1 / STRENGTH**2)
    for keep in (0.2, 0.5, 0.9):
        assert excess(keep) == pytest.approx(constant, rel=0.01)


def test_only_the_plane_to_predict_is_recorrupted() -> None:
    planes = LIGHT + noise((5, 16, 16))
    (given, target), _ = recorrupt(planes, CAMERA, STRENGTH, np.random.default_rng(4))
    np.testing.assert_array_equal(given[[0, 1, 3, 4]], planes[[0, 1, 3, 4]])
    assert (given[2] != planes[2]).all()
    assert target.shape == (16, 16)
    assert given.dtype == target.dtype == np.float32


def test_planes_mirrored_at_an_end_get_the_same_noise() -> None:
    """They are the plane itself, so their noise is its own."""
    first, second = LIGHT + noise((2, 16, 16))
    planes = np.stack([second, first, first, second, second])
    (given, _), _ = recorrupt(planes, CAMERA, STRENGTH, np.random.default_rng(4))
    np.testing.assert_array_equal(given[1], given[2])
    np.testing.assert_array_equal(given[[0, 3, 4]], planes[[0, 3, 4]])


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_the_noise_of_targets_is_known(scale: float) -> None:
    """In whatever unit planes come, such as floating numbers from 0 to 1."""
    camera = CameraNoise(CAMERA.gain * scale, 0, CAMERA.read_noise * scale)
    planes = ((LIGHT + noise((1, 256, 256))) * scale).astype(np.float32)
    for given, target in recorrupt(planes, camera, STRENGTH, np.random.default_rng(4)):
        expected = (SD * scale) ** 2 * (1 + 1 / STRENGTH**2)
        assert noise_in_pairs(given[0], target, STRENGTH) == pytest.approx(expected, rel=0.02)


ROW = np.linspace(0, 1, 512)
CLEAN = 300 + 200 * ROW + 80 * np.sin(np.arange(512) / 6)[:, None] * ROW
CAMERAS = {
    "white": CameraNoise(gain=0, offset=0, read_noise=35),
    "grows with light": CameraNoise(gain=2, offset=100, read_noise=10),
    "small numbers": CameraNoise(gain=0, offset=0, read_noise=0.035),
}


def blur(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return gaussian_filter(plane, 1.2)


def halve(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return (plane + plane.mean()) / 2


def in_steps(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Jumps, so that no derivative tells what it does."""
    step = np.ptp(plane) / 12
    return np.round(gaussian_filter(plane, 0.8) / step) * step


@pytest.mark.parametrize("kind", CAMERAS)
@pytest.mark.parametrize("denoiser", [blur, halve, in_steps, lambda plane: plane])
def test_the_error_is_that_against_the_clean_plane(kind: str, denoiser) -> None:  # type: ignore[no-untyped-def]
    camera, rng = CAMERAS[kind], np.random.default_rng(7)
    clean = CLEAN / 1000 if kind == "small numbers" else CLEAN
    noisy = [add_camera_noise(clean, camera, rng).astype(np.float32) for _ in range(2)]
    true = float(np.sqrt(np.mean([(denoiser(plane) - clean) ** 2 for plane in noisy])))
    found = join_risks([estimate_risk(plane, denoiser, camera, rng) for plane in noisy])
    assert found.error == pytest.approx(true, rel=0.05)
    low, high = found.range
    assert low < found.error < high
    assert high - low < 0.25 * true
    assert found.noise_sd == pytest.approx(float(np.std(noisy[0] - clean)), rel=0.02)


def test_of_a_mini_stack_the_middle_plane_counts() -> None:
    camera, rng = CAMERAS["white"], np.random.default_rng(7)
    noisy = add_camera_noise(np.stack([CLEAN] * 3), camera, rng).astype(np.float32)

    def mean(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        return planes.mean(axis=0)

    found = estimate_risk(noisy, mean, camera, rng)
    assert found.error == pytest.approx(35 / np.sqrt(3), rel=0.05)


def test_an_error_too_small_to_be_told() -> None:
    flat = add_camera_noise(np.full((64, 64), 500.0), CAMERAS["white"], np.random.default_rng(1))

    def truth(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full_like(plane, 500)

    louder = CameraNoise(gain=0, offset=0, read_noise=40)
    found = estimate_risk(flat, truth, louder, np.random.default_rng(2))
    assert found.squared < 0
    assert found.error == 0


SHARED = {
    "blurred": lambda rng: uniform_filter(rng.normal(0, 70, (6, 256, 384)), (0, 3, 3)),
    "rows": lambda rng: rng.normal(0, 20, (6, 256, 384)) + rng.normal(0, 20, (6, 256, 1)),
    "columns": lambda rng: rng.normal(0, 20, (6, 256, 384)) + rng.normal(0, 20, (6, 1, 384)),
}


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("denoiser", [blur, halve])
def test_the_error_at_noise_that_pixels_share(kind: str, denoiser) -> None:  # type: ignore[no-untyped-def]
    """Which is measured. Of lines there are few, so that chance tells more in them."""
    rng = np.random.default_rng(7)
    noisy = (CLEAN[:256, :384] + SHARED[kind](rng)).astype(np.float32)
    (found,) = measure_noise(ArraySource(noisy))
    assert found.noise
    whole = found.all_of(found.noise)
    assert whole == found.whole
    assert whole.read_noise == pytest.approx(np.std(noisy - CLEAN[:256, :384]), rel=0.06)
    true = float(np.sqrt(np.mean([(denoiser(plane) - CLEAN[:256, :384]) ** 2 for plane in noisy])))
    risks = [estimate_risk(one, denoiser, whole, rng, grain=found.grain) for one in noisy]
    assert join_risks(risks).error == pytest.approx(true, rel=0.1 if kind == "blurred" else 0.2)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_filled_margins_have_no_noise(share: float) -> None:
    """Nor what is clipped: nothing is drawn there, and nothing taken for noise."""
    rng = np.random.default_rng(6)
    clean = 400 + 60 * gaussian_filter(rng.normal(0, 10, (256, 256)), 3)
    planes = (clean + rng.normal(0, SD, (3, 256, 256))).astype(np.float32)
    rows = round(256 * share)
    planes[:, :rows] = clean[:rows] = 0
    planes[:, -20:, -20:] = clean[-20:, -20:] = 65535
    given, target = recorrupt(planes[:1], CameraNoise(0, 0, SD), STRENGTH, rng)[0]
    for changed in (given[0], target):
        np.testing.assert_array_equal(changed == planes[0], clean % 65535 == 0)
    camera = CameraNoise(0, 0, SD)
    risks = [
        estimate_risk(p, lambda plane: gaussian_filter(plane, 0.7), camera, rng) for p in planes
    ]
    # The edges of what is filled count as well: they are changed, too.
    squared = np.mean([(gaussian_filter(p, 0.7) - clean) ** 2 for p in planes])
    found = join_risks(risks)
    assert found.error == pytest.approx((squared / np.mean(clean % 65535 != 0)) ** 0.5, rel=0.04)
    assert found.noise_sd == pytest.approx(SD, rel=0.01)
