from __future__ import annotations

import numpy as np
import scyjava
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity.fdlibm import log


def java_log(values: list[float]) -> list[float]:
    strict = scyjava.jimport("java.lang.StrictMath")
    return [float(strict.log(value)) for value in values]


@given(
    st.lists(
        st.one_of(
            st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False),
            st.floats(0, 1, exclude_min=True),
            st.floats(1 - 2**-18, 1 + 2**-18),
        ),
        min_size=1,
        max_size=50,
    )
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_log_is_java_s(imagej: ImageJ1, values: list[float]) -> None:
    assert log(np.array(values)).tolist() == java_log(values)


def test_numpy_s_own_log_would_not_do(imagej: ImageJ1) -> None:
    values = np.random.default_rng(0).uniform(0, 1, 20_000)
    theirs = np.array(java_log(values.tolist()))
    np.testing.assert_array_equal(log(values), theirs)
    assert (np.log(values) != theirs).any()


def test_log_of_special_numbers(imagej: ImageJ1) -> None:
    values = [1.0, 2.0, 0.5, 5e-324, np.finfo(float).tiny, np.finfo(float).max, np.nextafter(1, 0)]
    assert log(np.array(values)).tolist() == java_log(values)
