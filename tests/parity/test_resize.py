from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import Interpolation, resize, scaled_size
from tests.parity.same import assert_same


def random_plane(shape: tuple[int, int], dtype: Any = np.uint16) -> Any:
    return np.random.default_rng(0).integers(0, 255, shape).astype(dtype)


def test_averaging_without_interpolation_is_a_block_mean(path: str) -> None:
    plane = random_plane((40, 60))
    blocks = plane.reshape(10, 4, 15, 4).mean((1, 3))
    ours = resize(plane, 15, 10, Interpolation.NONE, True)
    np.testing.assert_array_equal(ours, np.floor(blocks + 0.5))


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("interpolation", Interpolation)
def test_the_same_size_changes_nothing(
    path: str, interpolation: Interpolation, average: bool
) -> None:
    plane = random_plane((7, 9))
    same = resize(plane, 9, 7, interpolation, average)
    np.testing.assert_array_equal(same, plane)
    assert not np.shares_memory(same, plane)


def test_infinity_reaches_the_first_pixel_as_in_imagej(path: str, imagej: ImageJ1) -> None:
    """ImageJ adds unused weights of 0 to output 0: infinity times 0 is NaN."""
    plane = np.ones((1, 40), np.float32)
    plane[0, 0] = plane[0, -1] = np.inf
    theirs = imagej.resize(plane, 10, 1, Interpolation.BICUBIC, True)
    assert np.isnan(theirs[0, 0])
    assert_same(resize(plane, 10, 1, Interpolation.BICUBIC, True), theirs)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("average", [True, False])
def test_not_contiguous(path: str, imagej: ImageJ1, dtype: Any, average: bool) -> None:
    plane = random_plane((50, 60), dtype)[::2, 5:45].T
    theirs = imagej.resize(plane, 9, 13, Interpolation.BILINEAR, average)
    assert_same(resize(plane, 9, 13, Interpolation.BILINEAR, average), theirs)


@pytest.mark.parametrize(
    ("shape", "scale"),
    [((42, 63), (0.25, 0.25)), ((5, 7), (0.5, 0.5)), ((10, 9), (1.55, 0.3333)), ((3, 3), (2, 0.5))],
)
def test_scaled_size(imagej: ImageJ1, shape: tuple[int, int], scale: tuple[float, float]) -> None:
    macro = f"""
        newImage("plane", "8-bit black", {shape[1]}, {shape[0]}, 1);
        run("Scale...", "x={scale[1]} y={scale[0]} interpolation=Bilinear average create title=s");
        return "" + getHeight() + " " + getWidth();
    """
    rows, columns = map(int, imagej.run_macro(f"setBatchMode(true);{macro}").split())
    assert scaled_size(shape, scale) == (rows, columns)
