from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crispim_ij.parity import Interpolation, compiled, resize, resize_part


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
