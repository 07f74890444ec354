from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from crispim_ij.errors import CrispimError
from crispim_ij.noise import CameraNoise, Measurement, add_camera_noise, measure_noise
from crispim_ij.noise.measure import channel_stacks
from crispim_ij.noise.pairs import WINDOW, read_pairs
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata
from tests.noise.conftest import DARK, picture

RNG = np.random.default_rng(0)


def measured(planes: NDArray[np.generic]) -> Measurement:
    (found,) = measure_noise(ArraySource(planes))
    return found


def gaussian(clean: NDArray[np.generic], sd: float) -> NDArray[np.uint16]:
    return picture(clean, CameraNoise(0, 0, sd))


def ratios(
    found: Measurement, true: CameraNoise, clean: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Found over true standard deviation where 1, 5, 25, ... % of the pixels are darker."""
    assert found.noise is not None
    light = np.percentile(clean, (1, 5, 25, 50, 75, 95, 99))
    return np.sqrt(found.noise.variance(light) / true.variance(light))


@pytest.mark.parametrize("sd", [10.0, 20.0, 35.0, 60.0])
def test_gaussian_noise(volume: NDArray[np.uint16], sd: float) -> None:
    found = measured(gaussian(volume, sd))
    assert found.basis == "one sd"
    assert found.problem is None
    assert not found.is_correlated
    np.testing.assert_allclose(ratios(found, CameraNoise(0, 0, sd), volume), 1, atol=0.03)


@pytest.mark.parametrize("gain", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("read_noise", [3.0, 10.0, 20.0])
def test_the_noise_of_a_camera(volume: NDArray[np.uint16], gain: float, read_noise: float) -> None:
    true = CameraNoise(gain, DARK, read_noise)
    found = measured(picture(volume, true))
    assert found.basis == "line through levels of light"
    np.testing.assert_allclose(ratios(found, true, volume), 1, atol=0.06)


def membranes(planes: int) -> NDArray[np.float64]:
    """Thin bright walls that lie dense and change from plane to plane."""
    cells = gaussian_filter(np.random.default_rng(1).standard_normal((planes, 256, 256)), (1, 3, 3))
    return 150 + 300 * gaussian_filter((np.abs(cells / cells.std()) < 0.15) * 1.0, (0, 0.7, 0.7))


@pytest.mark.parametrize(("planes", "sd"), [(1, 35.0), (1, 60.0), (8, 20.0), (8, 35.0), (8, 60.0)])
def test_dense_sharp_texture_is_no_noise(planes: int, sd: float) -> None:
    clean = membranes(planes)
    found = measured(gaussian(clean.round().astype(np.uint16), sd))
    assert found.basis == "one sd"
    assert not found.is_correlated
    np.testing.assert_allclose(ratios(found, CameraNoise(0, 0, sd), clean), 1, atol=0.06)


def test_texture_that_stays_along_z_is_told_by_neighbours() -> None:
    texture = gaussian_filter(RNG.standard_normal((8, 256, 256)), (1.5, 0.6, 0.6))
    clean = 400 + 80 * texture / texture.std()
    stack = gaussian(clean.round().astype(np.uint16), 35)
    assert measured(stack).at(0.5)[0] == pytest.approx(35, rel=0.08)
    # One plane alone can't tell such texture from noise that neighbours share.
    assert measured(stack[:1]).is_correlated


def test_few_levels_of_light_tell_one_value() -> None:
    for shape in ((1, 16, 16), (1, 20, 64), (2, 64, 64)):
        found = measured(RNG.normal(300, 20, shape))
        assert found.basis == "one sd"
        assert found.at(0.5)[0] == pytest.approx(20, rel=0.25)


def test_two_levels_of_light_tell_a_gain() -> None:
    clean = np.where(np.arange(400) < 200, 120.0, 900.0) * np.ones((200, 1))
    true = CameraNoise(2, 100, 10)
    found = measured(add_camera_noise(clean, true, RNG))
    assert found.noise is not None
    assert found.noise.gain > 0
    assert float(found.noise.variance(np.array(900.0))) == pytest.approx(1700, rel=0.1)
    assert float(found.noise.variance(np.array(120.0))) == pytest.approx(140, rel=0.15)


@pytest.mark.parametrize("scale", [2.0**-12, -1.0, 8.0])
def test_the_measure_scales_with_counts(volume: NDArray[np.uint16], scale: float) -> None:
    noisy = gaussian(volume, 30).astype(np.float64)
    plain, scaled = measured(noisy).noise, measured(scale * noisy).noise
    assert plain is not None
    assert scaled is not None
    assert scaled.read_noise == pytest.approx(abs(scale) * plain.read_noise, rel=0.01)


def test_a_camera_scales_with_counts(volume: NDArray[np.uint16]) -> None:
    noisy = picture(volume, CameraNoise(2, DARK, 10)).astype(np.float64)
    plain, scaled = measured(noisy).noise, measured(noisy / 4096).noise
    assert plain is not None
    assert scaled is not None
    for name, value in vars(plain).items():
        assert getattr(scaled, name) == pytest.approx(value / 4096, rel=1e-3)


def test_8_bits(volume: NDArray[np.uint16]) -> None:
    noisy = np.rint((gaussian(volume, 40) / 8).clip(0, 255)).astype(np.uint8)
    assert measured(noisy).at(0.5)[0] == pytest.approx(5, rel=0.04)


def test_clipping_at_0_is_made_up_for() -> None:
    dark = RNG.normal(26, 20, (4, 256, 256)).clip(0, None)
    assert (dark == 0).mean() > 0.08
    assert measured(dark.round().astype(np.uint16)).at(0.5)[0] == pytest.approx(20, rel=0.03)


def test_filled_margins_are_no_noise(volume: NDArray[np.uint16]) -> None:
    noisy = gaussian(volume, 30)
    noisy[:, :, :250] = 0
    assert measured(noisy).at(0.5)[0] == pytest.approx(30, rel=0.03)


@pytest.mark.parametrize("axis", [1, 2])
def test_noise_that_neighbours_share(volume: NDArray[np.uint16], axis: int) -> None:
    white = RNG.normal(0, 30, volume.shape)
    found = measured(volume + 200 + white + 0.4 * np.roll(white, 1, axis))
    assert found.is_correlated
    assert found.problem == "Neighbouring pixels share noise."
    assert found.in_words().endswith("shared by neighbouring pixels")


def test_noise_that_rows_share(volume: NDArray[np.uint16]) -> None:
    rows = RNG.normal(0, 18, (*volume.shape[:2], 1))
    assert measured(volume + 200 + RNG.normal(0, 30, volume.shape) + rows).is_correlated


def test_resized_planes_are_told(volume: NDArray[np.uint16]) -> None:
    larger = np.stack([zoom(plane, 1.5, order=1) for plane in gaussian(volume + 200, 30)])
    assert measured(larger).is_correlated


def test_binned_planes_are_as_others(volume: NDArray[np.uint16]) -> None:
    noisy = gaussian(volume + 200, 30).reshape(4, 160, 2, 200, 2).mean((2, 4))
    found = measured(noisy)
    assert not found.is_correlated
    assert found.at(0.5)[0] == pytest.approx(15, rel=0.06)


@pytest.mark.parametrize(
    ("planes", "says"),
    [
        (np.full((3, 64, 64), 100, np.uint16), "constant"),
        (np.zeros((1, 64, 64), np.float32), "constant"),
        (RNG.normal(0, 1, (1, 7, 64)), "smaller than 8 x 8 px"),
        (RNG.normal(0, 9, (3, 64, 64)).clip(0).astype(np.uint16), "clipped"),
        (gaussian_filter(RNG.normal(0, 300, (2, 128, 128)), (0, 2, 2)), "smoothed or denoised"),
        (RNG.normal(0, 9e9, (2, 64, 64)), "larger than 1,000,000"),
    ],
)
def test_what_can_not_be_measured(planes: NDArray[np.generic], says: str) -> None:
    found = measured(planes)
    assert found.noise is None
    assert found.basis is None
    assert says in str(found.problem)
    assert says in found.in_words()
    assert found.at(0.1, 0.9) == (0, 0)


def test_planes_with_nan_are_refused() -> None:
    with pytest.raises(CrispimError, match="NaN"):
        measured(np.full((2, 64, 64), np.nan))


def test_each_channel_is_measured() -> None:
    planes = np.stack([RNG.normal(300, sd, (128, 128)) for sd in (10, 40) * 3])
    source = ArraySource(planes)
    source.metadata = Metadata(axes="ZC", sizes=(3, 2))
    weak, strong = measure_noise(source)
    assert (weak.channel, strong.channel) == (0, 1)
    assert weak.at(0.5)[0] == pytest.approx(10, rel=0.05)
    assert strong.at(0.5)[0] == pytest.approx(40, rel=0.05)


def test_words_and_json(volume: NDArray[np.uint16]) -> None:
    one = measured(gaussian(volume, 35))
    assert one.in_words().startswith("noise: sd 3")
    assert one.in_words().endswith(" counts")
    line = measured(picture(volume, CameraNoise(2, DARK, 10)))
    assert " dark, " in line.in_words()
    assert "gain 2" in line.in_words()
    assert json.loads(json.dumps(asdict(line)))["noise"]["offset"] == line.noise.offset  # type: ignore[union-attr]


def test_dark_and_bright_are_told_apart(volume: NDArray[np.uint16]) -> None:
    true = CameraNoise(4, DARK, 5)
    found = measured(picture(volume, true))
    light = np.percentile(volume, (1, 50, 99))
    np.testing.assert_allclose(found.at(0.01, 0.5, 0.99), np.sqrt(true.variance(light)), rtol=0.15)


@pytest.mark.parametrize(
    ("axes", "sizes", "channels"),
    [
        ("Z", (3,), [[[0, 1, 2]]]),
        ("ZC", (2, 2), [[[0, 2]], [[1, 3]]]),
        ("T", (3,), [[[0], [1], [2]]]),
        ("TZC", (2, 2, 2), [[[0, 2], [4, 6]], [[1, 3], [5, 7]]]),
        ("CT", (2, 2), [[[0], [1]], [[2], [3]]]),
    ],
)
def test_channels_and_their_stacks(axes: str, sizes: tuple[int, ...], channels: object) -> None:
    found = channel_stacks(Metadata(axes=axes, sizes=sizes), int(np.prod(sizes)))
    assert [stacks.tolist() for stacks in found] == channels


def test_neighbours_are_of_the_same_stack() -> None:
    numbers = np.arange(12, dtype=np.uint16)[:, None, None] * np.ones((8, 8), np.uint16)
    source = ArraySource(numbers)
    stacks = np.array([[0, 2, 4], [6, 8, 10]])
    pairs = [
        (int(a[0, 0]), int(b[0, 0])) for a, b, _ in read_pairs(source, stacks, 99) if b is not None
    ]
    assert pairs == [(0, 2), (2, 4), (4, 2), (6, 8), (8, 10), (10, 8)]
    assert [pair.beside for pair in read_pairs(source, np.array([[3], [5]]), 2)] == [None, None]


def test_planes_are_spread_over_the_stack() -> None:
    source = ArraySource(np.arange(9)[:, None, None] * np.ones((9, 8, 8)))
    pairs = read_pairs(source, np.arange(9)[None], 3)
    assert [int(pair.plane[0, 0]) for pair in pairs] == [0, 4, 8]


def test_of_large_planes_parts_are_read() -> None:
    side = WINDOW + 300
    plane = np.arange(side)[:, None] * np.ones((1, 20))
    source = ArraySource(np.stack([plane] * 3))
    pairs = list(read_pairs(source, np.arange(3)[None], 3))
    shown = [pair.plane[[0, -1], 0].tolist() for pair in pairs]
    assert shown == [[150, 150 + WINDOW - 1], [0, WINDOW - 1], [300, side - 1]]
    assert [pair.origin for pair in pairs] == [(150, 0), (0, 0), (300, 0)]
