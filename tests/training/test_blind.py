from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from crispim_ij.errors import CrispimError
from crispim_ij.models import load_model
from crispim_ij.planes import open_source
from crispim_ij.training import TrainingStack, check_data, load_recipe, open_noisy_stack, train
from crispim_ij.training.patches import sample_batch, training_batch, validation_batch
from tests.training.small import QUIET, RECIPE, assert_same_weights, ignore, interrupt_at

BLIND = replace(RECIPE, recorruption=0.3)
SD = 35
SPECKLE = np.random.default_rng(5).gamma(4, 60, (12, 96, 96))
CLEAN = gaussian_filter(SPECKLE, (0, 3, 3)) + np.linspace(0, 400, 96)
"""Light of all levels, as it takes to measure noise."""


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


def test_samples_show_the_planes_as_they_are(blind: list[TrainingStack]) -> None:
    noisy, shown = sample_batch(blind, BLIND)
    assert len(noisy) == 3
    np.testing.assert_array_equal(noisy, shown)


@pytest.mark.long
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
