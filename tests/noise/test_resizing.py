from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from crispim_ij.noise import CameraNoise, NoiseOptions, measure_noise, tell_noise
from crispim_ij.noise.pairs import Pair
from crispim_ij.noise.resizing import is_shared_along_z, period_of
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata

Planes = NDArray[np.float32]


def white(seed: int = 0) -> Planes:
    return np.random.default_rng(seed).normal(300, 30, (4, 280, 320)).astype(np.float32)


def resized(planes: Planes, factor: float) -> Planes:
    """Resize as ImageJ does."""
    height, width = (round(factor * side) for side in planes.shape[1:])
    return np.stack(
        [resize(p, width, height, Interpolation.BILINEAR, average=False) for p in planes]
    )


def period(planes: Planes) -> float | None:
    return period_of([Pair(a, b) for a, b in pairwise(planes)])


@pytest.mark.parametrize(("factor", "expected"), [(0.9, 9), (0.8, 4), (1.5, 3), (1.2, 6)])
def test_resized_planes_show_a_beat(factor: float, expected: float) -> None:
    planes = resized(white(), factor)
    assert period(planes) == pytest.approx(expected, rel=0.05)
    single = period_of([Pair(planes[0], None)])
    assert single == pytest.approx(expected, rel=0.05)


def test_parts_of_large_planes_show_it_where_noise_is_strong_elsewhere() -> None:
    tall = np.random.default_rng(0).normal(300, 30, (8, 1000, 100)).astype(np.float32)
    smooth = Interpolation.BILINEAR
    taller = np.stack([resize(p, 100, 1400, smooth, average=False) for p in tall])
    (found,) = measure_noise(ArraySource(taller))
    assert found.period == pytest.approx(3.5, rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        lambda planes: planes,
        lambda planes: uniform_filter(planes, (0, 3, 3)),
        lambda planes: planes.reshape(4, 140, 2, 160, 2).mean((2, 4)),
        lambda planes: resized(planes, 0.5),
        lambda planes: planes + np.random.default_rng(1).normal(0, 30, (4, 280, 1)),
        lambda planes: planes * np.linspace(1, 5, 320),
    ],
    ids=["white", "blurred", "binned", "halved", "rows", "brighter to the right"],
)
def test_other_noise_shows_none(change: Callable[[Planes], Planes]) -> None:
    assert period(change(white())) is None


@pytest.mark.parametrize(("factor", "distance"), [(0.8, "4"), (1.5, "3")])
def test_it_is_said(factor: float, distance: str) -> None:
    planes = np.rint(resized(white(), factor)).astype(np.uint16)
    told = tell_noise(ArraySource(planes), NoiseOptions())
    (problem,) = told.problems
    assert (
        f"Noise is stronger again every {distance} px, as in planes that were resized." in problem
    )
    assert "give planes as the camera took them, not resized" in problem
    assert f"stronger again every {distance} px" in told.lines[0]
    is_enlarged = factor > 1
    assert ("Neighbouring pixels share noise." in problem) == is_enlarged
    assert ("or a model that is adapted to them (crispim-ij adapt)." in problem) == is_enlarged


def interpolated(planes: Planes, factor: float, start: float = 0.0) -> Planes:
    """Interpolate along Z."""
    places = np.arange(start, len(planes) - 1, 1 / factor)
    below = places.astype(int)
    part = (places - below)[:, np.newaxis, np.newaxis].astype(np.float32)
    return planes[below] * (1 - part) + planes[below + 1] * part


def specimen(fine: float) -> Planes:
    """Structure of which neighbouring planes show much the same, with noise of their own."""
    rng = np.random.default_rng(1)
    shared = gaussian_filter(rng.normal(0, 1, (4, 280, 320)), (1, fine, fine))
    return (300 + 60 * shared / shared.std() + white() - 300).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda planes: planes, False),
        (lambda planes: resized(planes, 1.5), False),
        (lambda planes: interpolated(planes, 2), True),
        (lambda planes: interpolated(planes, 1.5), True),
        (lambda planes: interpolated(planes, 1, 0.5), True),
        (lambda planes: interpolated(resized(planes, 1.5), 2), True),
        (np.zeros_like, False),
    ],
)
@pytest.mark.parametrize("fine", [0.7, 2.0])
def test_noise_that_neighbouring_planes_share(
    change: Callable[[Planes], Planes], expected: bool, fine: float
) -> None:
    planes = change(specimen(fine))
    assert is_shared_along_z([Pair(a, b) for a, b in pairwise(planes)]) == expected
    assert not is_shared_along_z([Pair(planes[0], None)])


def test_a_cameras_fixed_pattern_is_shared() -> None:
    pattern = np.random.default_rng(2).normal(0, 30, (280, 320))
    assert is_shared_along_z([Pair(a + pattern, b + pattern) for a, b in pairwise(white())])
    assert not is_shared_along_z(
        [Pair(a + pattern / 5, b + pattern / 5) for a, b in pairwise(white())]
    )


def test_planes_that_were_interpolated_along_z_are_said() -> None:
    planes = np.rint(interpolated(np.concatenate([white(0), white(1), white(2)]), 2))
    source = ArraySource(planes.astype(np.uint16))
    source.metadata = Metadata(axes="Z", sizes=(len(planes),))
    told = tell_noise(source, NoiseOptions())
    (problem,) = told.problems
    assert problem.startswith("Neighbouring planes share noise, as where they were interpolated")
    assert "give planes as the microscope took them" in problem
    assert "shared by neighbouring planes" in told.lines[0]
    assert 20 < told.channels[0].read_noise < 32
    (doubt,) = tell_noise(source, NoiseOptions(CameraNoise(0, 0, 26))).problems
    assert doubt == problem
