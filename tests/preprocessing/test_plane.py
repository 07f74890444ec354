"""Settings, sizes, and each plane's noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.preprocessing import PreprocessSettings, plan_noise, plane_noise, target_size
from tests.jobs.test_preprocess import write_stack


@given(shape=st.tuples(st.integers(1, 4000), st.integers(1, 4000)), factor=st.floats(0.1, 100))
def test_target_sizes_round_half_up(shape: tuple[int, int], factor: float) -> None:
    if min(shape) / factor < 0.5:
        with pytest.raises(CrispimError, match="nothing left"):
            target_size(shape, factor)
    else:
        for side, target in zip(shape, target_size(shape, factor), strict=True):
            assert target - 0.5 <= side / factor < target + 0.5


def test_planes_larger_than_a_java_array_are_refused() -> None:
    with pytest.raises(CrispimError, match="exceed ImageJ's limit of 2147483647 px"):
        target_size((4574, 4695), 0.1)
    with pytest.raises(CrispimError, match="exceed ImageJ's limit"):
        target_size((50_000, 50_000), 4)


@given(
    seed=st.integers(-(2**31), 2**31 - 1),
    index=st.integers(0, 3000),
    sds=st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: tuple(sorted(pair))),
)
def test_a_planes_sd_depends_on_seed_plus_index_alone(
    seed: int, index: int, sds: tuple[float, float]
) -> None:
    settings = PreprocessSettings(noise_sd=sds)
    noise = plane_noise(settings, seed, index)
    assert sds[0] <= noise.sd <= sds[1]
    assert noise == plane_noise(settings, seed + index, 0)


def test_sds_fill_their_range() -> None:
    settings = PreprocessSettings(noise_sd=(30, 40))
    sds = np.array([plane_noise(settings, 0, index).sd for index in range(2000)])
    assert abs(sds.mean() - 35) < 0.3
    assert abs(sds.std() - 10 / 12**0.5) < 0.1
    np.testing.assert_array_equal(sds, sds.round(2))


@pytest.mark.parametrize("sds", [(-1, -1), (40, 30), (float("nan"), 1), (1, float("inf"))])
def test_noise_out_of_range(sds: tuple[float, float]) -> None:
    with pytest.raises(CrispimError, match="--noise-sd"):
        PreprocessSettings(noise_sd=sds)


@pytest.mark.parametrize("factor", [0, -4, float("nan"), float("inf")])
def test_a_factor_out_of_range(factor: float) -> None:
    with pytest.raises(CrispimError, match="not a positive number"):
        PreprocessSettings(factor=factor)


def test_planes_too_large_for_a_java_array() -> None:
    with pytest.raises(CrispimError, match="exceed ImageJ's limit"):
        target_size((30000, 30000), 0.25)


@pytest.mark.parametrize(
    ("seed", "stack"), [(2**31 - 4, False), (-(2**31) - 1, False), (2**31, True)]
)
def test_seeds_beyond_javas_int(tmp_path: Path, seed: int, stack: bool) -> None:
    source = write_stack(tmp_path / "in.tif")
    settings = PreprocessSettings(seed=seed, seed_stack=stack)
    with (
        open_source(source) as planes,
        pytest.raises(CrispimError, match="range of ImageJ's seeds"),
    ):
        plan_noise(planes, settings)


def test_noise_beyond_the_type(tmp_path: Path) -> None:
    source = write_stack(tmp_path / "in.tif", np.uint8)
    settings = PreprocessSettings(noise_sd=(300, 300))
    with open_source(source) as planes, pytest.raises(CrispimError, match="choose at most 255"):
        plan_noise(planes, settings)


def test_signed_planes_are_refused(tmp_path: Path) -> None:
    source = write_stack(tmp_path / "in.tif", np.int16)
    with open_source(source) as planes, pytest.raises(CrispimError, match="int16 planes of"):
        plan_noise(planes, PreprocessSettings())
