from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crispim_ij.noise import NoiseOptions, tell_noise
from crispim_ij.noise.pairs import Pair
from crispim_ij.noise.resizing import period_of
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes.arrays import ArraySource

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
    assert ("Neighbouring pixels share noise." in problem) == (factor > 1)
