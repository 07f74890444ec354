from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.phantom import PhantomSettings, simulate_planes, simulate_volume

SETTINGS = PhantomSettings(shape=(12, 240, 300), seed=4)


@pytest.fixture(scope="module")
def volume() -> NDArray[np.uint16]:
    return simulate_volume(SETTINGS)


def test_shape_and_type(volume: NDArray[np.uint16]) -> None:
    assert volume.shape == SETTINGS.shape
    assert volume.dtype == np.uint16


def test_equal_settings_give_equal_pixels(volume: NDArray[np.uint16]) -> None:
    first = list(itertools.islice(simulate_planes(SETTINGS), 3))
    assert np.array_equal(np.stack(first), volume[:3])


def test_other_seed_gives_another_volume(volume: NDArray[np.uint16]) -> None:
    other = simulate_volume(PhantomSettings(shape=(1, 240, 300), seed=5))
    assert not np.array_equal(other[0], volume[0])


def test_neighbouring_planes_are_alike_and_distant_ones_less_so(
    volume: NDArray[np.uint16],
) -> None:
    def likeness(step: int) -> float:
        pairs = zip(volume, volume[step:], strict=False)
        return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))

    assert 0.85 < likeness(1) < 0.999
    assert likeness(1) > likeness(3) > likeness(8)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intensities_are_those_of_cleared_brain(seed: int) -> None:
    plane = simulate_volume(PhantomSettings(shape=(1, 400, 500), seed=seed))[0]
    tissue = plane[plane > 130]
    assert 150 < np.median(tissue) < 350
    assert np.mean((tissue > 100) & (tissue < 500)) > 0.95
    assert plane.max() > 1000
    assert plane.min() > 40


def test_a_thicker_sheet_shows_more_of_what_lies_above_and_below() -> None:
    def likeness(sheet: float) -> float:
        a, b = simulate_volume(PhantomSettings((2, 200, 200), 4, z_step=4.0, sheet=sheet))
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    assert likeness(6.0) > likeness(2.0) + 0.01


def test_density_adds_cells_and_axons() -> None:
    bright = [
        np.mean(simulate_volume(PhantomSettings((1, 300, 300), 4, 4.0, density=density)) > 600)
        for density in (0.0, 1.0, 4.0)
    ]
    assert bright[0] < bright[1] < bright[2]


@pytest.mark.parametrize("wrong", [{"sheet": 0.0}, {"density": -1.0}])
def test_settings_of_no_specimen_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CrispimError, match=r"sheet of .* density of"):
        PhantomSettings(**wrong)  # type: ignore[arg-type]


def test_planes_have_nearly_no_noise() -> None:
    # Sampled finer than the optics resolve, there is nothing left from pixel to pixel.
    plane = simulate_volume(PhantomSettings(shape=(1, 300, 300), pixel_size=0.4))[0].astype(float)
    second = plane[:, :-2] - 2 * plane[:, 1:-1] + plane[:, 2:]
    assert np.median(np.abs(second)) <= 1


def test_there_are_bright_structures_and_dark_vessels(volume: NDArray[np.uint16]) -> None:
    from scipy.ndimage import median_filter

    plane = volume[6].astype(float)
    contrast = plane / median_filter(plane, 41)
    assert np.mean(contrast > 2) > 0.001
    assert np.mean(contrast < 0.75) > 0.0001


def test_stripes_are_shadows_along_x() -> None:
    shape = (1, 240, 300)
    with_, without = (
        simulate_volume(PhantomSettings(shape=shape, seed=2, stripes=stripes))[0].astype(float)
        for stripes in (1.0, 0.0)
    )
    loss = without - with_
    assert loss.mean() > 1
    # Much steeper across the shadows than along them.
    assert np.abs(np.diff(loss, axis=0)).mean() > 3 * np.abs(np.diff(loss, axis=1)).mean()


def test_blur_grows_with_depth() -> None:
    settings = PhantomSettings(shape=(200, 160, 160), seed=3, z_step=8.0, stripes=0.0)
    from crispim_ij.phantom.specimen import Specimen

    specimen = Specimen(settings)
    shallow, deep = (
        np.mean([_fine_share(specimen.plane(index)) for index in indices])
        for indices in (range(10), range(190, 200))
    )
    assert deep < 0.9 * shallow


def _fine_share(plane: NDArray[np.uint16]) -> float:
    """Return how much of a plane's texture is fine."""
    from scipy.ndimage import gaussian_filter

    clipped = np.clip(plane.astype(float), 0, np.percentile(plane, 90))
    fine = clipped - gaussian_filter(clipped, 1)
    return float(fine.std() / clipped.mean())


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (0, 10, 10)},
        {"shape": (10, 10)},
        {"pixel_size": 0.0},
        {"z_step": float("nan")},
        {"seed": -1},
        {"stripes": 1.5},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(CrispimError, match="give"):
        PhantomSettings(**wrong)  # type: ignore[arg-type]


def test_a_single_pixel_can_be_simulated() -> None:
    assert simulate_volume(PhantomSettings(shape=(1, 1, 1))).shape == (1, 1, 1)
