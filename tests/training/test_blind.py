from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from crispim_ij.errors import CrispimError
from crispim_ij.models import find_model, load_model
from crispim_ij.noise import CameraNoise
from crispim_ij.noise.risk import PROBE
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes import open_source
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.training import TrainingStack, check_data, load_recipe, open_noisy_stack, train
from crispim_ij.training.job import Trained
from crispim_ij.training.log import HistoryEntry, read_history
from crispim_ij.training.network import error_of_nothing
from crispim_ij.training.patches import (
    Batch,
    Patch,
    held_out,
    noise_in_batch,
    sample_pairs,
    share_with_noise,
    training_batch,
    validation_batch,
)
from crispim_ij.training.stacks import describe_stack
from tests.told import told_model
from tests.training.small import QUIET, RECIPE, assert_same_weights, ignore, interrupt_at

BLIND = replace(RECIPE, recorruption=0.3)
TOLD = replace(BLIND, architecture="stabilised-2d", steps=2, validation_batch=8)
SD = 35
SPECKLE = np.random.default_rng(5).gamma(4, 60, (12, 96, 96))
CLEAN = gaussian_filter(SPECKLE, (0, 3, 3)) + np.linspace(0, 400, 96)
"""Light of all levels, as it takes to measure noise."""


def means_of_pairs(batch: Batch) -> list[Patch]:
    """Return the planes as they are: noise that is added and removed once each drops out."""
    return [(side[0::2] + side[1::2]) / 2 for side in batch]


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[list[TrainingStack]]:
    noise = np.random.default_rng(6).normal(0, SD, CLEAN.shape)
    noisy = np.rint(CLEAN + noise).clip(0).astype(np.uint16)
    tifffile.imwrite(tmp_path / "noisy.tif", noisy, photometric="minisblack")
    with open_source(tmp_path / "noisy.tif") as source:
        yield [open_noisy_stack(source, BLIND)]


def test_the_noise_is_measured(blind: list[TrainingStack]) -> None:
    assert blind[0].noise is not None
    assert blind[0].noise.camera.read_noise == pytest.approx(SD, rel=0.1)


def test_batches_are_functions_of_the_step(blind: list[TrainingStack]) -> None:
    first, again, other = (training_batch(blind, BLIND, step) for step in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).any()
    assert first[0].shape == first[1].shape == (2, 32, 32, 1)
    mean = (first[0][0] + first[0][1]) / 2
    np.testing.assert_allclose((first[1][0] + first[1][1]) / 2, mean, atol=1e-3)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_batch_of_any_size(blind: list[TrainingStack], size: int) -> None:
    noisy, target = training_batch(blind, replace(BLIND, batch=size), 0)
    assert len(noisy) == len(target) == size


def test_mini_stacks(blind: list[TrainingStack]) -> None:
    noisy, target = validation_batch(blind, replace(BLIND, architecture="paper-3d"), 0)
    assert noisy.shape == (2, 16, 32, 32, 1)
    assert target.shape == (2, 32, 32, 1)


def test_mini_stacks_of_a_network_that_is_told_the_noise(blind: list[TrainingStack]) -> None:
    deep = replace(TOLD, architecture="stabilised-2.5d", validation_batch=32)
    stack = [open_noisy_stack(blind[0].clean, deep)]
    given, target = batch = validation_batch(stack, deep, 0)
    assert (given.shape, target.shape) == ((32, 7, 32, 32, 1), (32, 32, 32, 1))
    own = noise_in_batch(batch, PROBE) * PROBE**2 / (1 + PROBE**2)
    assert own == pytest.approx(1, rel=0.1)
    noisy, shown = means_of_pairs(sample_pairs(stack, deep))
    np.testing.assert_allclose(noisy[:, 3], shown, rtol=1e-5, atol=1e-4)


def test_samples_show_the_planes_as_they_are(blind: list[TrainingStack]) -> None:
    noisy, shown = means_of_pairs(sample_pairs(blind, BLIND))
    assert len(noisy) == 3
    np.testing.assert_allclose(noisy, shown, rtol=1e-5, atol=1e-4)


def test_planes_from_all_over_are_held_out() -> None:
    recipe = replace(BLIND, validation_share=0.2)
    kept, rows = held_out((20, 40, 40), recipe, validation=True)
    trained, _ = held_out((20, 40, 40), recipe, validation=False)
    assert kept == [2, 7, 12, 17]
    assert sorted(kept + trained) == list(range(20))
    assert rows == range(40)


def test_of_few_planes_the_lowest_rows_are_held_out() -> None:
    recipe = replace(BLIND, validation_share=0.1)
    assert held_out((2, 100, 40), recipe, validation=True) == ([0, 1], range(68, 100))
    assert held_out((2, 100, 40), recipe, validation=False) == ([0, 1], range(68))
    assert held_out((2, 60, 40), recipe, validation=True) == ([0, 1], range(60))
    assert held_out((2, 100, 40), replace(recipe, validation_share=0.0), validation=True) == (
        [0, 1],
        range(100),
    )


@pytest.mark.parametrize("scale", [1.0, 1 / 5000])
def test_a_network_that_is_told_the_noise_learns_in_units_of_it(
    blind: list[TrainingStack], scale: float
) -> None:
    """Also from floating numbers between 0 and 1."""
    planes = np.stack([blind[0].clean.read(k) for k in range(12)])
    source = ArraySource((planes * scale).astype(np.float32))
    stack = open_noisy_stack(source, TOLD)
    assert stack.noise is not None
    assert stack.noise.camera.read_noise == pytest.approx(SD * scale, rel=0.1)
    batch = validation_batch([stack], TOLD, 0)
    noisy, _ = means_of_pairs(sample_pairs([stack], TOLD))
    assert np.std(noisy[..., 1:, :, 0] - noisy[..., :-1, :, 0]) == pytest.approx(2**0.5, rel=0.2)
    own = noise_in_batch(batch, PROBE) * PROBE**2 / (1 + PROBE**2)
    assert own == pytest.approx(1, rel=0.1)


def test_noise_with_a_grain_is_recorrupted_by_noise_of_the_same_grain() -> None:
    """Rows that share half of the noise stay rows."""
    rng = np.random.default_rng(9)
    rows = rng.normal(0, SD, (8, 96, 1))
    noisy = 400 + (rng.normal(0, SD, (8, 96, 96)) + rows) / 2**0.5
    stack = open_noisy_stack(ArraySource(noisy.astype(np.float32)), TOLD, CameraNoise(0, 0, SD))
    assert stack.noise is not None
    assert stack.noise.grain is not None
    given, target = training_batch([stack], replace(TOLD, batch=64), 0)
    added = (given - target)[..., 0]
    along, across = (np.mean(added * np.roll(added, 1, axis)) / added.var() for axis in (2, 1))
    assert along == pytest.approx(0.5, abs=0.12)
    assert across == pytest.approx(0, abs=0.12)
    assert describe_stack(stack)["grain"]["right"] == pytest.approx(0.5, abs=0.1)
    assert (given[0] + given[1]).std() / 2 == pytest.approx(1, rel=0.25)


@pytest.mark.parametrize("given", [None, CameraNoise(0, 0, SD)])
def test_planes_that_were_resized_are_said(given: CameraNoise | None) -> None:
    """Where that is along X alone, and their noise can't be drawn."""
    noise = np.random.default_rng(9).normal(300, SD, (4, 200, 200)).astype(np.float32)
    wider = [resize(plane, 300, 200, Interpolation.BILINEAR, average=False) for plane in noise]
    (note,) = open_noisy_stack(ArraySource(np.stack(wider)), TOLD, given).notes
    assert "stronger again every 3 px, as in planes that were resized" in note
    assert open_noisy_stack(ArraySource(noise), TOLD, given).notes == ()


def test_noise_of_planes_that_were_enlarged_is_recorrupted_by_noise_that_beats_with_it() -> None:
    """Wherever a patch is cut, and however it is turned."""
    noise = np.random.default_rng(9).normal(300, SD, (8, 150, 150)).astype(np.float32)
    larger = [resize(plane, 225, 225, Interpolation.BILINEAR, average=False) for plane in noise]
    stack = open_noisy_stack(ArraySource(np.stack(larger)), TOLD)
    assert stack.notes == ()
    assert describe_stack(stack)["grain"]["period"] == pytest.approx(3, rel=0.02)
    given, _ = training_batch([stack], replace(TOLD, batch=128), 0)
    plus, minus = given[0::2, ..., 0], given[1::2, ..., 0]
    for axis in (1, 2):
        own, drawn = (
            np.log(np.mean(np.diff(one, axis=axis) ** 2, 3 - axis))
            for one in (plus + minus, plus - minus)
        )
        likeness = [np.corrcoef(*pair)[0, 1] for pair in zip(own, drawn, strict=True)]
        assert np.mean(likeness) > 0.5


def test_errors_are_of_the_pixels_that_have_noise() -> None:
    """Not of filled margins, where nothing is wrong."""
    noisy = np.random.default_rng(9).normal(300, SD, (8, 96, 96)).astype(np.float32)
    noisy[:, :40] = 0
    stack = open_noisy_stack(ArraySource(noisy), TOLD)
    batch = validation_batch([stack], replace(TOLD, validation_batch=32), 0)
    assert share_with_noise(batch) == pytest.approx(56 / 96, abs=0.15)
    assert error_of_nothing(batch, TOLD) == pytest.approx(1, rel=0.1)
    empty = open_noisy_stack(ArraySource(np.zeros_like(noisy)), TOLD, CameraNoise(0, 0, SD))
    batch = validation_batch([empty], TOLD, 0)
    assert share_with_noise(batch) == 0
    assert error_of_nothing(batch, TOLD) == 0


def test_noise_that_is_given_is_not_measured(blind: list[TrainingStack]) -> None:
    flat = ArraySource(np.zeros((3, 40, 40), np.uint16))
    with pytest.raises(CrispimError, match=r"can't be measured.*--noise"):
        open_noisy_stack(flat, TOLD)
    given = open_noisy_stack(flat, TOLD, CameraNoise(0, 0, 9)).noise
    assert given is not None
    assert given.camera == CameraNoise(0, 0, 9)


@pytest.mark.long
def test_the_history_is_of_the_error_against_the_clean(
    blind: list[TrainingStack], tmp_path: Path
) -> None:
    """A model that does nothing is as far from it as the noise is strong."""
    nothing = told_model(tmp_path / "nothing", idle=True)
    still = replace(TOLD, learning_rate=1e-12, checkpoint_policy="best")
    told = []
    model = train(
        [open_noisy_stack(blind[0].clean, TOLD)],
        still,
        tmp_path / "mine",
        start_from=nothing,
        on_step=lambda done, newest: told.append((done, newest)),
    )
    first, *later = read_history(tmp_path / "mine/history.csv")
    assert (first.step, [entry.step for entry in later]) == (0, [2])
    assert first.error == pytest.approx(1, abs=0.1)
    assert told[0][0] == 0
    assert_same_weights(model, nothing)
    assert (tmp_path / "mine/history.png").exists()
    assert len(list((tmp_path / "mine/samples").iterdir())) == 2


@pytest.mark.slow
def test_a_run_goes_on_as_if_it_had_not_stopped(blind: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(BLIND, ema_momentum=0.9)
    whole = train(blind, recipe, tmp_path / "whole", settings=QUIET, on_step=ignore)
    with pytest.raises(KeyboardInterrupt):
        train(blind, recipe, tmp_path / "parts", settings=QUIET, on_step=interrupt_at(5))
    folder = tmp_path / "parts"
    parts = train(blind, recipe, folder, settings=QUIET, resume=True, on_step=ignore)
    assert_same_weights(parts, whole)
    (data,) = load_model(folder).spec.provenance["data"]
    assert data["noisy"] == "noisy.tif"
    assert "clean" not in data
    assert set(data["noise"]) == {"gain", "offset", "read_noise"}


@pytest.mark.long
def test_noise_goes_without_a_clean_plane(blind: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(BLIND, steps=60, batch=4, validate_every=30, learning_rate=2e-3)
    model = train(blind, recipe, tmp_path / "mine", settings=QUIET, on_step=ignore)
    noisy = np.stack([blind[0].clean.read(k) for k in range(12)]).astype(np.float32)
    result = np.asarray(model.network()(noisy[..., np.newaxis]))[..., 0]
    assert np.sqrt(np.mean((result - CLEAN) ** 2)) < SD / 2


def test_the_recipe_that_ships() -> None:
    assert load_recipe("blind").is_blind
    assert not load_recipe("crispim-2d").is_blind


@pytest.mark.parametrize(
    ("key", "value"), [("contrast", (10.0, 20.0)), ("zoom", (0.5, 2.0)), ("loss", "log-mse")]
)
def test_settings_for_clean_planes_alone(key: str, value: object) -> None:
    with pytest.raises(CrispimError, match=f"^{key} is .* where recorruption is above 0"):
        replace(BLIND, **{key: value})


@pytest.mark.parametrize(
    ("recipe", "clean", "noisy", "said"),
    [
        (BLIND, 1, 1, "and no --clean"),
        (BLIND, 0, 0, "give them with --noisy"),
        (RECIPE, 0, 1, "needs clean planes .* --recipe blind"),
        (RECIPE, 2, 1, "--noisy is given 1 times and --clean 2 times"),
    ],
)
def test_data_that_do_not_suit(recipe: object, clean: int, noisy: int, said: str) -> None:
    with pytest.raises(CrispimError, match=said):
        check_data(recipe, clean=clean, noisy=noisy)  # type: ignore[arg-type]


def test_a_run_whose_error_came_out_below_0_is_mistrusted() -> None:
    model = find_model("crispim-2d-fast")
    first = HistoryEntry(1, loss=0.5, validation_loss=0.2, learning_rate=1e-3, seconds=1, waited=0)
    assert Trained(model, (), (first,), 1.0).problems == ()
    (problem,) = Trained(model, (), (first, replace(first, validation_loss=-0.1)), 1.0).problems
    assert "below 0, so the noise is weaker than it was measured to be" in problem
