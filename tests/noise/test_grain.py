from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.models import SharedNoise
from crispim_ij.noise import MEASURED, CameraNoise, measure_noise, tell_noise
from crispim_ij.noise.grain import SIDE, Grain
from crispim_ij.noise.grain import measure_grain as measure_pairs
from crispim_ij.noise.pairs import read_pairs
from crispim_ij.planes.arrays import ArraySource

SHAPE = (4, 256, 256)
SD = 30
WHITE = CameraNoise(0, 0, SD)
RNG = np.random.default_rng(8)
CLEAN = 300 + gaussian_filter(RNG.gamma(2, 400, SHAPE[1:]), 6)
"""The same in all planes, as where they lie close."""


def measure_grain(planes: NDArray[np.floating]) -> Grain | None:
    stacks = np.arange(len(planes))[np.newaxis]
    return measure_pairs(list(read_pairs(ArraySource(planes), stacks, len(planes))), WHITE)


def white() -> NDArray[np.float64]:
    return RNG.normal(0, SD, SHAPE)


def with_rows() -> NDArray[np.float64]:
    """Rows share half of the variance."""
    rows = RNG.normal(0, SD, (*SHAPE[:2], 1))
    return (RNG.normal(0, SD, SHAPE) + rows) / np.sqrt(2)


NOISES = {
    "white": (white, (0.0, 0.0), 1.0),
    "blurred": (lambda: uniform_filter(white(), (0, 3, 3)), (2 / 3, 2 / 3), 1 / 9),
    "rows": (with_rows, (0.0, 0.5), 1.0),
}


@pytest.mark.parametrize("kind", NOISES)
def test_what_is_drawn_is_as_what_was_measured(kind: str) -> None:
    noise, (down, right), variance = NOISES[kind]
    grain = measure_grain((CLEAN + noise()).astype(np.float32))
    assert grain is not None
    assert grain.variance == pytest.approx(variance, rel=0.1)
    assert grain.correlation(1, 0) == pytest.approx(down, abs=0.08)
    assert grain.correlation(0, 1) == pytest.approx(right, abs=0.08)
    assert grain.rows.any() == (kind == "rows")
    drawn = np.stack([grain.draw((96, 128), np.random.default_rng(k)) for k in range(20)])
    assert drawn.dtype == np.float32
    assert drawn.var() == pytest.approx(variance, rel=0.1)
    for shift, expected in ((-2, down), (-1, right)):
        shared = np.mean(drawn * np.roll(drawn, 1, shift)) / drawn.var()
        assert shared == pytest.approx(expected, abs=0.08)


def test_what_lines_share_they_share_from_end_to_end() -> None:
    grain = measure_grain((CLEAN + with_rows()).astype(np.float32))
    assert grain is not None
    assert grain.rows.mean() == pytest.approx(0.5, abs=0.08)
    assert not grain.columns.any()
    assert grain.spectrum[:, :2].mean() == pytest.approx(0.5, abs=0.12)
    turned = measure_grain((CLEAN + with_rows()).swapaxes(1, 2))
    assert turned is not None
    assert turned.columns.mean() == pytest.approx(0.5, abs=0.08)
    assert not turned.rows.any()
    drawn = np.stack([grain.draw((96, 128), np.random.default_rng(k)) for k in range(20)])
    far = np.mean(drawn[..., :-100] * drawn[..., 100:]) / drawn.var()
    assert far == pytest.approx(0.5, abs=0.08)


def test_structure_of_a_single_plane_is_left_out() -> None:
    """Where there are flat parts."""
    plane = np.full(SHAPE[1:], 300.0)
    plane[:, :128] += 200 * np.sin(np.arange(128) / 3)
    noisy = (plane + RNG.normal(0, SD, plane.shape)).astype(np.float32)
    grain = measure_grain(noisy[np.newaxis])
    assert grain is not None
    assert grain.variance == pytest.approx(1, rel=0.15)
    assert abs(grain.correlation(0, 1)) < 0.1


def test_planes_smaller_than_a_block() -> None:
    assert measure_grain(np.zeros((3, SIDE - 1, 64), np.float32)) is None


def blurred(planes: int = 4) -> NDArray[np.float64]:
    """Noise of sd 30 on an even ground, of which neighbours share half."""
    noise = np.random.default_rng(5).normal(0, 2 * SD, (planes, 256, 256))
    return 300 + uniform_filter(noise, (0, 2, 2))


@pytest.mark.parametrize("planes", [1, 4])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_filled_margins_tell_nothing_of_the_noise(share: float, planes: int) -> None:
    """Though nothing is flatter."""
    filled = blurred(planes)
    filled[:, : round(256 * share)] = 0
    (found,) = measure_noise(ArraySource(np.rint(filled).astype(np.uint16)))
    assert found.whole
    assert found.whole.read_noise == pytest.approx(SD, rel=0.12)
    assert found.shares
    assert found.shares.is_like(SharedNoise(0.5, 0.5))
    assert found.period is None


@pytest.mark.parametrize("planes", [1, 4])
@pytest.mark.parametrize("ground", [0, 10, 30])
def test_noise_that_is_clipped_where_it_is_dark_is_measured_elsewhere(
    ground: int, planes: int
) -> None:
    noisy = blurred(planes)
    noisy[:, :, :150] += ground - 300
    (found,) = measure_noise(ArraySource(np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)))
    assert found.whole
    assert found.whole.read_noise == pytest.approx(SD, rel=0.12)


def test_noise_that_is_clipped_everywhere_is_measured_all_the_same() -> None:
    noisy = blurred() - 280
    (found,) = measure_noise(ArraySource(np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)))
    assert found.whole
    assert SD / 2 < found.whole.read_noise < SD


def test_copies_are_no_neighbours() -> None:
    """Their difference is no noise; where all planes have some, one of them tells it."""
    planes = np.rint(blurred()).astype(np.uint16)
    (single,) = measure_noise(ArraySource(planes[:1]))
    (copies,) = measure_noise(ArraySource(np.repeat(planes[:1], 5, 0)))
    assert single.whole
    assert copies.whole
    assert copies.is_shared_along_z
    assert copies.whole.read_noise == pytest.approx(single.whole.read_noise, rel=0.05)
    (whole,) = measure_noise(ArraySource(planes))
    (some,) = measure_noise(ArraySource(np.concatenate([planes, planes[-1:]])))
    assert whole.whole
    assert some.whole
    assert not some.is_shared_along_z
    assert some.whole.read_noise == pytest.approx(whole.whole.read_noise, rel=0.03)


def test_the_same_chance_draws_the_same() -> None:
    grain = Grain(np.ones((SIDE, SIDE)))
    ours, theirs = (grain.draw((40, 33), np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["blurred", "rows"])
def test_a_model_that_learns_the_grain_is_told_all_of_the_noise(kind: str) -> None:
    """Of which what is fine along both axes is a part."""
    noise, _, variance = NOISES[kind]
    source = ArraySource((CLEAN + noise()).astype(np.float32))
    fine, whole = (tell_noise(source, MEASURED, learnt=learnt) for learnt in (None, ()))
    (camera,) = whole.channels
    assert camera.read_noise == pytest.approx(SD * variance**0.5, rel=0.1)
    assert fine.channels[0].read_noise < 0.8 * camera.read_noise
    assert "Little of it can be removed" in fine.problems[0]
    assert "Fine structure that neighbouring planes don't share" in whole.problems[0]


def test_white_noise_is_told_as_it_is() -> None:
    source = ArraySource((CLEAN + white()).astype(np.float32))
    assert tell_noise(source, MEASURED, learnt=()) == tell_noise(source, MEASURED)


def test_planes_that_were_smoothed_far_are_told_all_of_the_noise() -> None:
    source = ArraySource((CLEAN + gaussian_filter(white(), (0, 2, 2))).astype(np.float32))
    assert tell_noise(source, MEASURED).channels[0].is_none
    whole = tell_noise(source, MEASURED, learnt=())
    expected = SD / (2 * 2 * np.pi**0.5)
    assert whole.channels[0].read_noise == pytest.approx(expected, rel=0.25)
    (problem,) = whole.problems
    assert "smoothed or denoised already" in problem
