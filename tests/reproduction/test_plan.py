from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.reproduction.plan import (
    MeasuredStack,
    ReproductionSettings,
    choose_test,
    make_plan,
    paper_range,
)
from crispim_ij.reproduction.stacks import StackStatistics


def _stack(path: Path, shape: tuple[int, int, int], seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    tifffile.imwrite(path, rng.integers(50, 500, shape, np.uint16), photometric="minisblack")
    return path


def test_paper_sized_stacks_are_done_as_in_the_paper(tmp_path: Path) -> None:
    for k in range(3):
        _stack(tmp_path / f"{k}.tif", (2, 1600, 2000), seed=k)
    plan = make_plan([tmp_path], ReproductionSettings(test="1"))
    assert [stack.name for stack in plan.training] == ["0", "2"]
    assert [stack.preprocess.noise_sd for stack in plan.training] == [(30, 30), (40, 40)]
    assert {stack.size for stack in (*plan.training, plan.test)} == {(400, 500)}
    assert plan.test.preprocess.noise_sd == (0, 0)
    assert plan.patch == 256
    # The paper's rows 144 to 400 and columns 244 to 500.
    assert plan.window == (144, 244, 256)


def test_small_planes_are_not_downsampled(brains: Path) -> None:
    plan = make_plan([brains], ReproductionSettings())
    assert {stack.preprocess.factor for stack in (*plan.training, plan.test)} == {1}
    smallest = min(min(stack.size) for stack in plan.training)
    assert plan.patch == smallest // 8 * 8
    top, left, side = plan.window
    assert (top + side, left + side) == plan.test.size
    assert side % 8 == 0


def test_no_two_planes_share_their_noise(brains: Path) -> None:
    plan = make_plan([brains], ReproductionSettings(seed=7))
    first, second = plan.training
    assert first.preprocess.seed == 7
    assert second.preprocess.seed == 7 + first.shape[0]


@pytest.mark.parametrize("rescale", [True, False])
def test_counts_are_mapped_unless_they_are_to_stay(brains: Path, rescale: bool) -> None:
    plan = make_plan([brains], ReproductionSettings(rescale=rescale))
    assert (plan.test.count_map is not None) == rescale
    scale = plan.test.count_map.scale if plan.test.count_map else 1
    assert plan.test.own_noise == pytest.approx(scale * plan.test.statistics.noise)


def test_a_test_stack_from_elsewhere(brains: Path, tmp_path: Path) -> None:
    path = _stack(tmp_path / "other.tif", (3, 64, 64))
    plan = make_plan([brains], ReproductionSettings(test=str(path)))
    assert plan.test.name == "other"
    assert len(plan.training) == 3
    inside = make_plan([brains], ReproductionSettings(test=str(brains / "brain 10")))
    assert inside.test.name == "brain 10"
    assert len(inside.training) == 2


def test_a_plan_is_described_under_the_names_of_runs_that_are_there(brains: Path) -> None:
    """A run is resumed only if its `run.json` says the same."""
    described = make_plan([brains], ReproductionSettings()).described()
    assert set(described) == {"training", "test", "patch", "window"}
    keys = {"name", "path", "shape", "levels", "preprocess", "count_map", "pixel_bytes"}
    for stack in (*described["training"], described["test"]):
        assert set(stack) == keys
        assert set(stack["levels"]) == {"low", "high", "noise"}


def test_one_stack_is_too_few(brains: Path) -> None:
    with pytest.raises(CrispimError, match="one stack only"):
        make_plan([brains / "brain 0.tif"], ReproductionSettings())


def test_an_unknown_test_stack_is_refused(brains: Path) -> None:
    with pytest.raises(CrispimError, match=r"no stack 'brain 7' \(--test\): name one of brain 0,"):
        make_plan([brains], ReproductionSettings(test="brain 7"))


def test_one_plane_is_no_stack(brains: Path, tmp_path: Path) -> None:
    path = _stack(tmp_path / "plane.tif", (1, 64, 64))
    with pytest.raises(CrispimError, match="holds one plane"):
        make_plan([brains, path], ReproductionSettings())


def test_channels_are_refused(brains: Path, tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 99, (3, 2, 40, 40), np.uint16)
    tifffile.imwrite(tmp_path / "two.tif", volume, imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(CrispimError, match="several channels"):
        make_plan([brains, tmp_path / "two.tif"], ReproductionSettings())


def test_small_planes_are_refused(brains: Path) -> None:
    with pytest.raises(CrispimError, match=r"12 x 10 px after downsampling by 4, .* --factor"):
        make_plan([brains], ReproductionSettings(factor=4))


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_beyond_imagejs_are_refused(seed: int) -> None:
    with pytest.raises(CrispimError, match="--seed is"):
        ReproductionSettings(seed=seed)


def _measured(name: str, planes: int, noise: float) -> MeasuredStack:
    return MeasuredStack(name, Path(name), (planes, 64, 64), 2, 1, StackStatistics(0, 100, noise))


def test_the_cleanest_of_the_long_stacks_is_tested_on() -> None:
    stacks = [
        _measured("long", 400, 5.0),
        _measured("cleanest", 57, 0.1),
        _measured("clean", 58, 2.0),
    ]
    chosen, why = choose_test(stacks, None)
    assert (chosen.name, why[:37]) == ("clean", "the stack with the least noise of its")
    chosen, why = choose_test([*stacks[1:2], _measured("short", 20, 0.0)], None)
    assert (chosen.name, why) == ("cleanest", "the longest stack")
    assert choose_test(stacks, "long") == (stacks[0], "as asked for")


@given(st.integers(2, 4000))
def test_tested_planes_lie_as_far_along_as_the_papers(planes: int) -> None:
    tested = paper_range(planes, 1000, 2000)
    assert 0 <= tested.start < tested.stop <= planes
    assert len(tested) >= min(40, planes)
    if planes >= 120:
        assert tested.start / planes == pytest.approx(1000 / 2888, abs=1 / planes)
        assert tested.stop / planes == pytest.approx(2000 / 2888, abs=1 / planes)


def test_the_papers_own_ranges() -> None:
    assert paper_range(2888, 1000, 2000) == range(1000, 2000)
    assert paper_range(2888, 800, 2000) == range(800, 2000)
