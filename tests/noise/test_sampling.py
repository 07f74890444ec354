from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.noise import CameraNoise, Measurement, NoiseOptions, measure_noise, tell_noise
from crispim_ij.noise.grain import Grain
from crispim_ij.noise.risk import estimate_risk, join_risks
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes.arrays import ArraySource

Planes = NDArray[np.float32]
SMOOTH = [Interpolation.BILINEAR, Interpolation.BICUBIC]
SD = 30.0


def enlarged(planes: Planes, factor: float, interpolation: Interpolation) -> Planes:
    """Enlarge as ImageJ does."""
    height, width = (round(factor * side) for side in planes.shape[1:])
    return np.stack([resize(p, width, height, interpolation, average=False) for p in planes])


def noise(shape: tuple[int, ...], seed: int = 0) -> Planes:
    return np.random.default_rng(seed).normal(0, SD, shape).astype(np.float32)


def structure(shape: tuple[int, ...]) -> Planes:
    """Spots of which neighbouring planes show much the same, with flat parts between them."""
    spots = gaussian_filter(np.random.default_rng(1).normal(0, 1, shape), (2, 3, 3))
    return (300 + 100 * np.maximum(spots / spots.std(), 0)).astype(np.float32)


def measured(planes: Planes) -> Measurement:
    (found,) = measure_noise(ArraySource(planes))
    return found


def grain_of(planes: Planes) -> Grain:
    grain = measured(planes).grain
    assert grain is not None
    assert grain.sampling is not None
    return grain


def covariance(source: int, factor: float, interpolation: Interpolation) -> NDArray[np.float64]:
    """Return that of pixels along an axis which ImageJ made of white noise of unit variance."""
    each = np.eye(source, dtype=np.float32)
    weights = resize(each, source, round(factor * source), interpolation, average=False)
    return weights @ weights.T


@given(
    factor=st.floats(1.1, 3),
    interpolation=st.sampled_from(SMOOTH),
    sides=st.tuples(st.integers(120, 200), st.integers(120, 200)),
    crop=st.tuples(st.integers(5, 30), st.integers(5, 30)),
    fine=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_noise_is_drawn_as_it_was_made(
    factor: float,
    interpolation: Interpolation,
    sides: tuple[int, int],
    crop: tuple[int, int],
    fine: bool,
) -> None:
    """Equally strong at each pixel, and shared by the same, wherever a part of planes begins."""
    shape = (4, *sides)
    clean = structure(shape) if fine else 300
    planes = enlarged(clean + noise(shape), factor, interpolation)[:, crop[0] :, crop[1] :]
    drawn = grain_of(planes).at(20, 30)
    assert drawn.sampling is not None
    for axis, side, first, start in zip(drawn.sampling, sides, crop, (20, 30), strict=True):
        weights = axis.weights(60)
        whole = covariance(side, factor, interpolation)
        part = slice(first + start, first + start + 60)
        expected = whole[part, part] / np.diag(whole)[first:-5].mean()
        np.testing.assert_allclose(weights @ weights.T, expected, atol=0.05)


def test_what_is_drawn_has_that_covariance() -> None:
    grain = grain_of(enlarged(300 + noise((4, 160, 180)), 1.5, Interpolation.BILINEAR))
    rng, count = np.random.default_rng(3), 2000
    drawn = np.stack([grain.at(7, 8).draw((24, 40), rng) for _ in range(count)])
    assert drawn.dtype == np.float32
    assert drawn.var() == pytest.approx(1, rel=0.02)
    for axis, side, first in ((1, 160, 7), (2, 180, 8)):
        lines = np.moveaxis(drawn, axis, 0).reshape(drawn.shape[axis], -1)
        whole = covariance(side, 1.5, Interpolation.BILINEAR)
        part = slice(first, first + len(lines))
        expected = whole[part, part] / np.diag(whole).mean()
        np.testing.assert_allclose(lines @ lines.T / lines.shape[1], expected, atol=0.05)


def along_x(planes: Planes) -> Planes:
    width = round(1.5 * planes.shape[2])
    smooth = Interpolation.BILINEAR
    return np.stack([resize(p, width, p.shape[0], smooth, average=False) for p in planes])


@pytest.mark.parametrize(
    "change",
    [
        along_x,
        lambda planes: uniform_filter(planes, (0, 3, 3)),
        lambda planes: uniform_filter(enlarged(planes, 1.5, Interpolation.BILINEAR), (0, 3, 3)),
        lambda planes: along_x(uniform_filter(planes, (0, 3, 1))),
    ],
    ids=["along X", "blurred", "blurred later", "blurred along Y"],
)
def test_noise_that_was_made_otherwise_is_a_spectrum(change: Callable[[Planes], Planes]) -> None:
    grain = measured(change(300 + noise((4, 200, 220)))).grain
    assert grain is not None
    assert grain.sampling is None
    assert grain.at(5, 7) is grain


def test_of_large_planes_parts_are_aligned() -> None:
    """Where noise is strong in one part it is weak in another."""
    planes = enlarged(300 + noise((3, 1000, 100)), 1.4, Interpolation.BILINEAR)
    sampling = grain_of(planes).sampling
    assert sampling
    down, places = sampling[0], np.arange(1400)
    true = (places - 700 - 0.35) / 1.4 + 500
    off = (down.start + down.step * places - true + 0.5) % 1 - 0.5
    assert np.abs(off).max() < 0.05


def blur(plane: Planes) -> Planes:
    return np.asarray(uniform_filter(plane, 3))


def every_third_row(plane: Planes) -> Planes:
    """Leave the noise of rows of one strength."""
    kept = np.asarray(uniform_filter(plane, 5))
    kept[::3] = plane[::3]
    return kept


@pytest.mark.parametrize("denoiser", [blur, every_third_row])
@pytest.mark.parametrize("interpolation", SMOOTH)
def test_errors_are_estimated(
    denoiser: Callable[[Planes], Planes], interpolation: Interpolation
) -> None:
    """In a part of planes."""
    clean = structure((6, 200, 260))
    truth, planes = (
        enlarged(one, 1.5, interpolation) for one in (clean, clean + noise(clean.shape))
    )
    found = measured(planes)
    assert found.grain is not None
    assert found.whole is not None
    truth, part = truth[:, 32:, 50:], planes[:, 32:, 50:]
    true = float(
        np.sqrt(np.mean([(denoiser(one) - t) ** 2 for one, t in zip(part, truth, strict=True)]))
    )
    rng = np.random.default_rng(4)
    grain = found.grain.at(32, 50)
    risks = [estimate_risk(one, denoiser, found.whole, rng, grain=grain) for one in part]
    assert join_risks(risks).error == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize("margins", [(90, 0, 0, 0), (0, 33, 0, 0), (20, 17, 31, 40)])
def test_filled_margins_hide_nothing(margins: tuple[int, int, int, int]) -> None:
    """On top, at the left, at the bottom, at the right."""
    planes = enlarged(300 + noise((4, 200, 200)), 1.5, Interpolation.BILINEAR)
    (expected,) = measure_noise(ArraySource(planes))
    top, left, bottom, right = margins
    height, width = planes.shape[1:]
    filled = np.zeros_like(planes)
    inside = (slice(None), slice(top, height - bottom), slice(left, width - right))
    filled[inside] = planes[inside]
    (found,) = measure_noise(ArraySource(filled))
    assert found.period == pytest.approx(3, rel=0.05)
    assert found.grain
    assert found.grain.sampling
    assert expected.grain
    assert expected.grain.sampling
    for one, other in zip(found.grain.sampling, expected.grain.sampling, strict=True):
        assert one.step == pytest.approx(other.step, abs=1e-3)
        shift = one.start - other.start  # in px that were measured
        assert shift == pytest.approx(round(shift), abs=0.02)


@pytest.mark.parametrize("given_noise", [None, CameraNoise(0, 0, 20)])
def test_a_model_that_learns_it_is_told_it_rightly(given_noise: CameraNoise | None) -> None:
    """Others are told a mean of what is fine."""
    clean = structure((4, 200, 260))
    planes = enlarged(clean + noise(clean.shape), 1.5, Interpolation.BILINEAR)
    truth = planes - enlarged(clean, 1.5, Interpolation.BILINEAR)
    options = NoiseOptions(given_noise)
    source = ArraySource(planes)
    (found,) = measure_noise(source)
    assert found.shares
    ships, adapted = (tell_noise(source, options, learnt=one) for one in (None, [found.shares]))
    assert "What is told of it is a mean" in ships.problems[0]
    assert not any("What is told of it is a mean" in one for one in adapted.problems)
    if given_noise is None:
        assert adapted.channels[0].read_noise == pytest.approx(truth.std(), rel=0.04)
        assert "stronger again every 3 px" in adapted.problems[0]
