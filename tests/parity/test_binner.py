from __future__ import annotations

from typing import Any

import jpype
import numpy as np
import pytest
import scyjava
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import bin_plane
from crispim_ij.parity.binner import BinMethod
from tests.imagej.reference import start_reference
from tests.parity.same import assert_same
from tests.parity.test_against_imagej import DTYPES, KINDS, make_plane

JAVA_TYPES = {
    "uint8": ("Byte", jpype.JByte, np.int8),
    "uint16": ("Short", jpype.JShort, np.int16),
    "float32": ("Float", jpype.JFloat, np.float32),
}


def imagej_bin(plane: NDArray[Any], factors: tuple[int, int], method: BinMethod) -> NDArray[Any]:
    """What `Bin...` calls once its dialog is read."""
    rows, columns = plane.shape
    name, element, bits = JAVA_TYPES[plane.dtype.name]
    pixels = jpype.JArray(element)(plane.reshape(-1).view(bits))
    processor = scyjava.jimport(f"ij.process.{name}Processor")(columns, rows, pixels, None)
    image = scyjava.jimport("ij.ImagePlus")("plane", processor)
    binner = scyjava.jimport("ij.plugin.Binner")()
    code = getattr(binner, method.name)
    result = binner.shrink(image, factors[1], factors[0], 1, code).getProcessor()
    flat = np.array(memoryview(result.getPixels())).view(plane.dtype)
    return flat.reshape(result.getHeight(), result.getWidth())


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    factors=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    dtype=st.sampled_from(DTYPES),
    kind=st.sampled_from(KINDS),
    method=st.sampled_from(BinMethod),
    seed=st.integers(0, 1000),
)
@settings(max_examples=500, suppress_health_check=list(HealthCheck))
def test_any_plane(
    imagej: ImageJ1,
    shape: tuple[int, int],
    factors: tuple[int, int],
    dtype: Any,
    kind: str,
    method: BinMethod,
    seed: int,
) -> None:
    factors = min(factors[0], shape[0]), min(factors[1], shape[1])
    plane = make_plane(kind, shape, dtype, seed)
    assert_same(bin_plane(plane, factors, method), imagej_bin(plane, factors, method))


@pytest.mark.parametrize("method", [BinMethod.MEDIAN, BinMethod.MIN, BinMethod.MAX])
@pytest.mark.parametrize("factors", [(2, 2), (4, 4), (5, 7)])
def test_zeros_of_both_signs(imagej: ImageJ1, method: BinMethod, factors: tuple[int, int]) -> None:
    values = np.array([0.0, -0.0, np.nan], np.float32)
    plane = np.random.default_rng(0).choice(values, (60, 70))
    assert_same(bin_plane(plane, factors, method), imagej_bin(plane, factors, method))


@pytest.mark.parametrize("method", BinMethod)
def test_the_command(method: BinMethod) -> None:
    plane = make_plane("random", (21, 34), np.uint16, 3)
    reference = start_reference()
    command = f'run("Bin...", "x=3 y=2 bin={method.value.capitalize()}");'
    np.testing.assert_array_equal(bin_plane(plane, (2, 3), method), reference.apply(plane, command))
