from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.planes import to_dtype


def test_rounds_half_to_even_and_clips() -> None:
    values = np.array([-3.0, 0.5, 1.5, 2.5, 254.5, 255.5, 1e9], np.float32)
    assert to_dtype(values, np.uint8).tolist() == [0, 0, 2, 2, 254, 255, 255]


def test_float_passes_as_it_is() -> None:
    values = np.array([-3.25, 1e9], np.float32)
    assert to_dtype(values, np.float32) is values
    assert to_dtype(values.astype(np.float64), np.float32).dtype == np.float32


def test_float16_reaches_the_end_of_16_bits() -> None:
    assert to_dtype(np.array([np.float16(65504)]), np.uint16).tolist() == [65504]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@given(value=st.integers(-(2**31), 2**31 - 1))
def test_integers_are_clipped(dtype: type, value: int) -> None:
    limits = np.iinfo(dtype)
    expected = min(max(value, limits.min), limits.max)
    for wide in (np.int32, np.int64, np.float64):
        result = to_dtype(np.array([value], wide), dtype)
        assert result.dtype == dtype
        assert int(result[0]) == expected
