from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.parity import Interpolation, NativeImageJ, Plane
from crispim_ij.preprocessing import Case, Difference, PlaneNoise, compare, hard_cases


class Changed(NativeImageJ):
    """Gives resized planes whose pixels are changed."""

    def __init__(self, change: float) -> None:
        super().__init__()
        self.change = change

    def resize(
        self, plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
    ) -> Plane:
        resized = super().resize(plane, width, height, interpolation, average)
        resized[1, 1:] = self.change
        return resized


def case(plane: Plane, sd: float = 30.0) -> Case:
    return Case("plane", plane, (2, 3), Interpolation.BILINEAR, True, PlaneNoise(sd, 1))


def test_one_engine_equals_itself() -> None:
    assert compare(case(np.ones((8, 12), np.uint8)), NativeImageJ(), NativeImageJ()) is None


def test_the_first_pixel_that_differs() -> None:
    plane = np.full((8, 12), 9, np.uint16)
    found = compare(case(plane), NativeImageJ(), Changed(7))
    assert found == Difference("resizing", (1, 1), (9.0, 7.0), 2)


@pytest.mark.parametrize(("ours", "theirs", "same"), [(np.nan, np.nan, True), (0, -0.0, False)])
def test_nan_and_minus_zero(ours: float, theirs: float, same: bool) -> None:
    plane = np.zeros((8, 12), np.float32)
    found = compare(case(plane, sd=0), Changed(ours), Changed(theirs))
    assert (found is None) == same


def test_hard_cases_hold_what_is_hard() -> None:
    cases = list(hard_cases())
    assert {str(c.plane.dtype) for c in cases} == {"uint8", "uint16", "float32"}
    assert {c.interpolation for c in cases} == set(Interpolation)
    assert any(np.isnan(c.plane).any() for c in cases)
    assert any(1 in c.plane.shape for c in cases)
    assert any((c.plane == 65535).all() for c in cases if c.plane.dtype == np.uint16)
    assert any(c.shape[1] > c.plane.shape[1] for c in cases)
