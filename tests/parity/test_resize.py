from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import Interpolation, compiled, resize, resize_part
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


@pytest.mark.parametrize("numba", [True, False])
@settings(max_examples=60)
@given(data=st.data())
def test_parts_are_the_wholes_bits(numba: bool, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    size = tuple(data.draw(st.integers(1, side)) for side in shape)
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.float32]))
    interpolation = data.draw(st.sampled_from(Interpolation))
    plane = np.random.default_rng(0).normal(100, 60, shape).clip(0, 255).astype(dtype)
    part = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in size
    )
    if any(p.start == p.stop for p in part):
        return
    read: list[Any] = []

    def take(rows: slice, columns: slice) -> Any:
        read.append((rows, columns))
        return plane[rows, columns]

    with pytest.MonkeyPatch.context() as patch:
        if not numba:
            patch.setattr(compiled, "kernels", lambda: None)
        whole = resize(plane, size[1], size[0], interpolation, True)
        found = resize_part(take, shape, (size[0], size[1]), (part[0], part[1]), interpolation)
    assert found.dtype == whole.dtype
    np.testing.assert_array_equal(found, whole[part])
    for wanted, taken, side, after in zip(part, read[0], shape, size, strict=True):
        # Little else: a kernel is at most four outputs wide.
        assert taken.stop - taken.start <= (wanted.stop - wanted.start + 4) * side / after + 2
