"""Whatever planes are filled, clipped or copied with: what is measured are numbers, or a reason."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter, zoom

from crispim_ij.models import SharedNoise
from crispim_ij.noise import MEASURED, CameraNoise, measure_noise, tell_noise
from crispim_ij.noise.risk import estimate_risk
from crispim_ij.noise.suitability import Neighbours
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata

NOISES = ("independent", "blurred", "rows", "enlarged", "copies")
FILLS = ("top", "right", "corner", "plane", "columns", "pixels")


def noisy(kind: str, shape: tuple[int, int, int], sd: float, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    planes = rng.normal(0, sd, shape)
    if kind in ("blurred", "copies"):
        planes = uniform_filter(planes, (0, 3, 2))
    if kind == "rows":
        planes += rng.normal(0, sd, (*shape[:2], 1))
    if kind == "enlarged":
        planes = zoom(planes, (1, 1.5, 1.5), order=1)
    return np.repeat(planes[:1], len(planes), 0) if kind == "copies" else planes


def fill(planes: NDArray[np.float64], kind: str, share: float, value: float) -> None:
    _, height, width = planes.shape
    down, across = np.mgrid[:height, :width]
    where = {
        "top": down < share * height,
        "right": across >= (1 - share) * width,
        "corner": down + across < share * (height + width),
        "columns": across % 7 == 0,
        "pixels": np.random.default_rng(0).random((height, width)) < share,
        "plane": np.zeros((height, width), np.bool_),
    }[kind]
    planes[:, where] = value
    if kind == "plane":
        planes[int(share * (len(planes) - 1))] = value


@settings(max_examples=60)
@example("blurred", (1, 200, 200), 30.0, 100.0, [("top", 0.4, 0.0)], "uint16", "Z", 0)
@example("copies", (3, 200, 200), 30.0, 100.0, [], "float32", "Z", 0)
@given(
    kind=st.sampled_from(NOISES),
    shape=st.tuples(st.integers(1, 4), st.integers(8, 200), st.integers(8, 200)),
    sd=st.sampled_from([0.0, 0.5, 30.0, 2000.0]),
    ground=st.sampled_from([0.0, 100.0, 30_000.0]),
    fills=st.lists(
        st.tuples(
            st.sampled_from(FILLS), st.floats(0, 1), st.sampled_from([0.0, 7.0, 255.0, 65535.0])
        ),
        max_size=3,
    ),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    axis=st.sampled_from("ZTC"),
    seed=st.integers(0, 2**31),
)
def test_what_is_measured_are_numbers(
    kind: str,
    shape: tuple[int, int, int],
    sd: float,
    ground: float,
    fills: list[tuple[str, float, float]],
    dtype: str,
    axis: str,
    seed: int,
) -> None:
    planes = ground + noisy(kind, shape, sd, seed)
    for one in fills:
        fill(planes, *one)
    highest = np.inf if dtype == "float32" else np.iinfo(dtype).max
    counts = (planes if dtype == "float32" else np.clip(np.rint(planes), 0, highest)).astype(dtype)
    source = ArraySource(counts)
    source.metadata = Metadata(axes=axis, sizes=(len(counts),))
    for found in measure_noise(source):
        assert found.noise is not None or found.problem
        assert all(map(is_number, (found.noise, found.whole)))
        assert found.shares is None or math.isfinite(found.shares.down + found.shares.right)
        camera = found.whole or found.noise
        if camera is not None and not camera.is_none:
            rng = np.random.default_rng(seed)
            grain = found.grain if found.whole else None
            plane = counts[found.channel if axis == "C" else 0]
            risk = estimate_risk(plane, lambda given: given, camera, rng, grain)
            assert math.isfinite(risk.squared + risk.doubt + risk.noise)
    for learnt in (None, (), [SharedNoise(0.5, 0.5)]):
        told = tell_noise(source, MEASURED, learnt=learnt)
        assert len(told.channels) == (len(counts) if axis == "C" else 1)
    likeness = Neighbours.of(source).likeness
    assert likeness is None or math.isfinite(likeness)


def is_number(noise: CameraNoise | None) -> bool:
    return noise is None or math.isfinite(noise.gain + noise.offset + noise.read_noise)
