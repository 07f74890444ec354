from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source, open_source
from crispim_ij.training import Recipe, TrainingStack, load_recipe, open_stack
from crispim_ij.training.patches import Feed, plane_range, training_batch, validation_batch
from tests.training.small import RECIPE as SMALL

RECIPE = Recipe(name="small", architecture="paper-2d", steps=3, batch=5, patch=16)
RNG = np.random.default_rng(3)
CLEAN = (RNG.gamma(4, 60, (20, 24, 40)) + 100 * np.arange(20)[:, None, None]).astype(np.uint16)


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Source]:
    tifffile.imwrite(tmp_path / "clean.tif", CLEAN, photometric="minisblack")
    with open_source(tmp_path / "clean.tif") as source:
        yield source


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[Source]:
    tifffile.imwrite(tmp_path / "noisy.tif", CLEAN + 7, photometric="minisblack")
    with open_source(tmp_path / "noisy.tif") as source:
        yield source


def batch(clean: Source, step: int = 0, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    recipe = replace(RECIPE, **changes)
    return training_batch([open_stack(clean, None, recipe)], recipe, step)


def test_a_step_always_gives_the_same_batch(clean: Source) -> None:
    first, again, other = batch(clean, 1), batch(clean, 1), batch(clean, 2)
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).any()
    assert first[0].shape == first[1].shape == (5, 16, 16, 1)
    assert first[0].dtype == first[1].dtype == np.float32


def test_noise_has_the_asked_deviation(clean: Source) -> None:
    noisy, target = batch(clean, noise_sd=(20.0, 20.0), batch=200)
    assert np.std(noisy - target) == pytest.approx(20, rel=0.02)
    assert np.mean(noisy - target) == pytest.approx(0, abs=0.5)


def test_noisy_planes_are_used_where_given(clean: Source, noisy: Source) -> None:
    stack = open_stack(clean, noisy, RECIPE)
    pair = training_batch([stack], RECIPE, 0)
    np.testing.assert_array_equal(pair[0] - pair[1], np.full((5, 16, 16, 1), 7))


def test_contrast_does_not_depend_on_a_stacks_own_counts(clean: Source, tmp_path: Path) -> None:
    recipe = replace(RECIPE, contrast=(100.0, 200.0), noise_sd=(0.0, 0.0))
    tifffile.imwrite(tmp_path / "bright.tif", CLEAN * 3 + 1000, photometric="minisblack")
    with open_source(tmp_path / "bright.tif") as bright:
        of_bright = training_batch([open_stack(bright, None, recipe)], recipe, 0)
    of_clean = training_batch([open_stack(clean, None, recipe)], recipe, 0)
    np.testing.assert_allclose(of_bright, of_clean, atol=0.01)
    assert (of_clean[0] != batch(clean)[0]).any()


def test_top_left_patches_are_not_turned(clean: Source) -> None:
    _, target = batch(clean, crop="top-left")
    corners = [plane[:16, :16] for plane in CLEAN.astype(np.float32)]
    for patch in target[..., 0]:
        assert any((patch == corner).all() for corner in corners)


def test_validation_is_fixed_and_kept_from_training(clean: Source) -> None:
    stack = open_stack(clean, None, RECIPE)
    first = validation_batch([stack], RECIPE, 1)
    np.testing.assert_array_equal(first, validation_batch([stack], RECIPE, 2))
    levels = [plane.mean() for plane in first[1]]
    assert min(levels) > CLEAN[:16].mean(axis=(1, 2)).max()


def test_the_paper_validates_on_other_patches_of_each_step(clean: Source) -> None:
    recipe = replace(load_recipe("paper-2d"), patch=16)
    stack = open_stack(clean, None, recipe)
    first, second = (validation_batch([stack], recipe, step)[0] for step in (1, 2))
    assert first.shape == (1, 16, 16, 1)
    assert (first != second).any()


@given(st.integers(1, 3000), st.integers(0, 500), st.floats(0, 0.5))
def test_plane_ranges(planes: int, ends: int, share: float) -> None:
    recipe = replace(RECIPE, end_planes=ends, validation_share=share)
    train, validate = (plane_range(planes, recipe, validation=v) for v in (False, True))
    for first, last in (train, validate):
        assert 0 <= first < last <= planes
    assert train == validate or train[1] == validate[0]


def test_the_paper_leaves_200_planes_out_at_both_ends() -> None:
    assert plane_range(2888, load_recipe("paper-2d"), validation=False) == (200, 2688)


def test_planes_smaller_than_a_patch_are_refused(clean: Source) -> None:
    with pytest.raises(CrispimError, match=r"clean.tif has planes of 24 x 40 px.*--patch"):
        open_stack(clean, None, replace(RECIPE, patch=32))


def test_sources_that_do_not_match_are_refused(clean: Source, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "short.tif", CLEAN[:3], photometric="minisblack")
    with (
        open_source(tmp_path / "short.tif") as short,
        pytest.raises(CrispimError, match=r"short.tif has shape \(3, 24, 40\)"),
    ):
        open_stack(clean, short, RECIPE)


def test_noisy_planes_can_not_be_rescaled(clean: Source, noisy: Source) -> None:
    with pytest.raises(CrispimError, match=r"'crispim-2d' rescales .* --recipe paper-2d"):
        open_stack(clean, noisy, replace(load_recipe("crispim-2d"), patch=16))


def test_stack_is_measured(clean: Source) -> None:
    stack: TrainingStack = open_stack(clean, None, RECIPE)
    assert CLEAN.min() < stack.black < stack.black + stack.span < CLEAN.max()


VOLUME = replace(RECIPE, architecture="paper-3d", patch=16, batch=4)


def test_mini_stacks_around_the_clean_plane(clean: Source) -> None:
    noisy, target = training_batch([open_stack(clean, None, VOLUME)], VOLUME, 0)
    assert noisy.shape == (4, 16, 16, 16, 1)
    assert target.shape == (4, 16, 16, 1)
    # The planes' levels rise by 100 from one to the next, so they tell which plane is which.
    levels = noisy.mean((2, 3, 4))
    for mini, plane in zip(levels, target.mean((1, 2, 3)), strict=True):
        assert abs(mini[8] - plane) < 20
    assert np.abs(noisy[:, 8] - target).mean() == pytest.approx(35 * (2 / np.pi) ** 0.5, rel=0.2)


def test_each_plane_of_a_mini_stack_has_noise_of_its_own_sd(tmp_path: Path) -> None:
    even = np.full((40, 64, 64), 5000, np.uint16)
    tifffile.imwrite(tmp_path / "even.tif", even, photometric="minisblack")
    recipe = replace(VOLUME, patch=64, noise_sd=(10.0, 500.0))
    with open_source(tmp_path / "even.tif") as source:
        noisy, _ = training_batch([open_stack(source, None, recipe)], recipe, 0)
    sds = noisy.std((2, 3, 4))
    assert sds.min() < 100
    assert sds.max() > 400


def test_noisy_mini_stacks_are_used_where_given(clean: Source, noisy: Source) -> None:
    stack = open_stack(clean, noisy, VOLUME)
    given, target = training_batch([stack], VOLUME, 0)
    np.testing.assert_array_equal(given[:, 8] - target, np.full((4, 16, 16, 1), 7))


def test_zoom_makes_structures_larger_or_smaller(tmp_path: Path) -> None:
    """A ramp of 10 counts a px gets steeper or flatter by the zoom."""
    ramp = np.tile(10 * np.arange(64, dtype=np.uint16), (6, 64, 1))
    tifffile.imwrite(tmp_path / "ramp.tif", ramp, photometric="minisblack")
    for zoom in (0.5, 2.0):
        recipe = replace(RECIPE, zoom=(zoom, zoom), crop="top-left")
        with open_source(tmp_path / "ramp.tif") as source:
            _, target = training_batch([open_stack(source, None, recipe)], recipe, 0)
        assert target.shape == (5, 16, 16, 1)
        rise = target[:, :, 12, 0] - target[:, :, 4, 0]
        np.testing.assert_allclose(rise, 8 * 10 / zoom, rtol=0.02)


def test_zoom_takes_no_more_than_there_is(clean: Source) -> None:
    _, target = batch(clean, zoom=(0.1, 0.1))
    assert target.shape == (5, 16, 16, 1)


def test_noisy_planes_can_not_be_zoomed(clean: Source, noisy: Source) -> None:
    with pytest.raises(CrispimError, match="rescales planes"):
        open_stack(clean, noisy, replace(RECIPE, zoom=(0.5, 2.0)))


def test_neighbours_may_lie_elsewhere_in_the_plane(tmp_path: Path) -> None:
    """A sawtooth is told from one that is shifted; the plane that is wanted never is."""
    rows = np.broadcast_to(np.arange(64, dtype=np.uint16)[:, None] * 100, (16, 64, 64))
    tifffile.imwrite(tmp_path / "ramp.tif", rows, photometric="minisblack")
    recipe = replace(
        VOLUME, architecture="residual-2.5d", patch=64, batch=60, stray_share=0.8, crop="top-left",
        noise_sd=(0.0, 0.0),
    )  # fmt: skip
    with open_source(tmp_path / "ramp.tif") as source:
        noisy, clean = training_batch([open_stack(source, None, recipe)], recipe, 0)
    np.testing.assert_array_equal(noisy[:, 2], clean)
    strays = (noisy != clean[:, None]).any(axis=(2, 3, 4)).sum(axis=1)
    # A mirrored end holds a plane twice.
    assert {0, 1, 4} <= set(strays) <= {0, 1, 2, 3, 4}
    assert 0.4 < np.mean(strays > 0) < 0.8


@pytest.mark.parametrize("architecture", ["paper-3d", "stabilised-2.5d"])
def test_a_mirrored_plane_has_its_noise_again(tmp_path: Path, architecture: str) -> None:
    """As it has where a stack is denoised: at its ends, or where it is one plane alone."""
    tifffile.imwrite(tmp_path / "three.tif", CLEAN[:3], photometric="minisblack")
    recipe = replace(
        VOLUME, architecture=architecture, batch=30, stray_share=0.9, contrast=(50.0, 60.0),
        noise_sd=(1.0, 1.0),
    )  # fmt: skip
    with open_source(tmp_path / "three.tif") as source:
        noisy, _ = training_batch([open_stack(source, None, recipe)], recipe, 0)
    different = [len(np.unique(mini_stack, axis=0)) for mini_stack in noisy]
    assert set(different) == {1, 3}


def test_planes_of_a_mini_stack_may_lie_apart(clean: Source) -> None:
    recipe = replace(VOLUME, architecture="residual-2.5d", plane_gap=3, batch=60)
    noisy, _ = training_batch([open_stack(clean, None, recipe)], recipe, 0)
    levels = noisy.mean((2, 3, 4))
    inner = (levels[:, 2] > 1000) & (levels[:, 2] < 1600)
    # The planes' levels rise by 100 from one to the next.
    gaps = np.rint((levels[inner, 3] - levels[inner, 1]) / 200)
    assert set(gaps) == {1, 2, 3}
    assert np.mean(gaps == 1) == pytest.approx(0.5, abs=0.25)


PAUSE = 0.02


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_batches_come_in_order(stacks: list[TrainingStack], workers: int, share: float) -> None:
    recipe = replace(SMALL, steps=9, validate_every=4, validation_share=share)
    feed = list(Feed(stacks, recipe, range(2, 9), workers=workers))
    assert [k for k, (_, due) in enumerate(feed, 3) if due is not None] == [4, 8, 9]
    for step, (training, validation) in enumerate(feed, 2):
        np.testing.assert_array_equal(training, training_batch(stacks, recipe, step))
        if validation is not None:
            np.testing.assert_array_equal(validation, validation_batch(stacks, recipe, step + 1))


def test_a_slow_disk_is_waited_for(
    stacks: list[TrainingStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stacks[0].clean.read
    monkeypatch.setattr(stacks[0].clean, "read", lambda k: (time.sleep(PAUSE), read(k))[1])
    feed = Feed(stacks, SMALL, range(8), workers=1)
    taken = len(list(feed))
    seconds, waited = feed.lap()
    assert taken == 8
    assert seconds >= waited > 0.9 * seconds > 8 * SMALL.batch * PAUSE * 0.9


def test_a_slow_network_does_not_wait(stacks: list[TrainingStack]) -> None:
    feed = Feed(stacks, SMALL, range(8), workers=1)
    next(feed)
    feed.lap()
    for _ in feed:
        time.sleep(PAUSE)
    seconds, waited = feed.lap()
    assert seconds > 7 * PAUSE
    assert waited < 0.3 * seconds
    assert feed.lap()[1] == 0


def test_what_goes_wrong_in_a_thread_is_seen(
    stacks: list[TrainingStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(index: int) -> np.ndarray:
        raise OSError("the disk is gone")

    monkeypatch.setattr(stacks[0].clean, "read", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        next(Feed(stacks, SMALL, range(8), workers=2))


def test_neighbours_are_of_the_planes_time_point(tmp_path: Path) -> None:
    """Each plane's pixels tell its time point."""
    for t, z in np.ndindex(3, 4):
        plane = np.random.default_rng(z).integers(100 * t, 100 * t + 50, (24, 40), np.uint16)
        tifffile.imwrite(tmp_path / f"t{t}_z{z}.tif", plane)
    recipe = replace(VOLUME, noise_sd=(0, 0))
    with open_source(tmp_path) as source:
        stack = open_stack(source, None, recipe)
        assert stack.around(5, 5) == [4, 4, 5, 6, 7]
        noisy, _ = training_batch([stack], recipe, 0)
    for mini_stack in noisy // 100:
        assert np.ptp(mini_stack) == 0
