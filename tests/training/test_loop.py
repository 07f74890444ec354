from __future__ import annotations

import json
import signal
import subprocess
import sys
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
from crispim_ij.training import Recipe, TrainingStack, open_stack, train
from crispim_ij.training.checkpoint import load_checkpoint
from crispim_ij.training.history import Record, read_history
from crispim_ij.training.patches import training_batch, validation_batch

RECIPE = Recipe(
    name="small",
    architecture="residual-2d",
    steps=8,
    batch=2,
    patch=32,
    validate_every=2,
    checkpoint_every=3,
    validation_batch=2,
)


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[TrainingStack]]:
    speckle = np.random.default_rng(5).gamma(4, 60, (12, 40, 40))
    planes = gaussian_filter(speckle, (0, 3, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "clean.tif", planes, photometric="minisblack")
    with open_source(tmp_path / "clean.tif") as source:
        yield [open_stack(source, None, RECIPE)]


KILLED = """
import os, signal
from dataclasses import replace
from pathlib import Path
from crispim_ij.planes import open_source
from crispim_ij.training import open_stack, train
from tests.training.test_loop import RECIPE

def kill_at_9(done, newest):
    if done == 9:
        os.kill(os.getpid(), signal.SIGKILL)

with open_source({clean!r}) as source:
    recipe = replace(RECIPE, steps=14, average=0.9, keep="best")
    train([open_stack(source, None, RECIPE)], recipe, Path({folder!r}), on_step=kill_at_9)
"""


def ignore(done: int, newest: Record | None) -> None:
    """Watch a run without doing anything."""


def interrupt_at(step: int) -> object:
    def on_step(done: int, newest: Record | None) -> None:
        if done == step:
            raise KeyboardInterrupt

    return on_step


def test_a_run_leaves_a_model_with_its_history(stacks: list[TrainingStack], tmp_path: Path) -> None:
    steps = []
    train(stacks, RECIPE, tmp_path / "mine", on_step=lambda done, _: steps.append(done))
    assert steps == list(range(1, 9))
    model = load_model(tmp_path / "mine")
    assert model.network().count_params() == 332_641
    assert model.spec.provenance["recipe"]["name"] == "small"
    (data,) = model.spec.provenance["data"]
    assert (data["clean"], data["shape"], len(data["sha256"])) == ("clean.tif", [12, 40, 40], 64)
    assert [record.step for record in read_history(tmp_path / "mine/history.csv")] == [2, 4, 6, 8]
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {"model.keras", "model.json", "recipe.json", "history.csv", "history.png"}


def test_the_history_holds_means_over_the_steps(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    still = replace(RECIPE, learning_rate=1e-12, precision="float32")
    network = train(stacks, still, tmp_path / "mine", on_step=ignore).network()
    batches = [training_batch(stacks, still, step) for step in range(still.steps)]
    errors = [np.mean((np.asarray(network(noisy)) - clean) ** 2) for noisy, clean in batches]
    expected = np.mean(np.reshape(errors, (-1, still.validate_every)), axis=1)
    history = read_history(tmp_path / "mine/history.csv")
    np.testing.assert_allclose([record.loss for record in history], expected, rtol=1e-4)


def test_training_lowers_the_loss(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=80, noise_sd=(35.0, 35.0), validate_every=10)
    train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    history = read_history(tmp_path / "mine/history.csv")
    assert history[-1].validation_loss < 0.7 * 35**2
    assert history[-1].validation_loss < history[0].validation_loss


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    whole = train(stacks, RECIPE, tmp_path / "whole", on_step=ignore)
    with pytest.raises(KeyboardInterrupt):
        train(stacks, RECIPE, tmp_path / "parts", on_step=interrupt_at(5))
    assert (tmp_path / "parts/checkpoint.keras").exists()
    parts = train(stacks, RECIPE, tmp_path / "parts", resume=True, on_step=ignore)
    for ours, theirs in zip(
        parts.network().get_weights(), whole.network().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    steps = [record.step for record in read_history(tmp_path / "parts/history.csv")]
    assert steps == [2, 4, 6, 8]


def test_only_the_same_run_is_resumed(stacks: list[TrainingStack], tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="holds no checkpoint"):
        train(stacks, RECIPE, tmp_path / "mine", resume=True, on_step=ignore)
    with pytest.raises(KeyboardInterrupt):
        train(stacks, RECIPE, tmp_path / "mine", on_step=interrupt_at(5))
    with pytest.raises(CrispimError, match=r"recipe.json differs"):
        train(stacks, replace(RECIPE, seed=1), tmp_path / "mine", resume=True, on_step=ignore)
    assert json.loads((tmp_path / "mine/recipe.json").read_text())["recipe"]["seed"] == 0


def test_a_loss_that_is_no_number_stops_the_run(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, learning_rate=1e30, schedule="constant")
    with pytest.raises(CrispimError, match=r"no longer a number at step .*--learning-rate"):
        train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert not (tmp_path / "mine/model.json").exists()


def test_a_run_can_start_from_a_model(stacks: list[TrainingStack], tmp_path: Path) -> None:
    """A rate of next to nothing leaves the weights where they began."""
    first = train(stacks, RECIPE, tmp_path / "first", on_step=ignore)
    still = replace(RECIPE, learning_rate=1e-12, seed=9)
    second = train(stacks, still, tmp_path / "second", start_from=first, on_step=ignore)
    for ours, theirs in zip(
        second.network().get_weights(), first.network().get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert second.spec.provenance["started_from"]["sha256"] == first.spec.sha256
    with pytest.raises(CrispimError, match=r"first is a 'residual-2d' network"):
        train(
            stacks,
            replace(RECIPE, architecture="paper-2d"),
            tmp_path / "third",
            start_from=first,
            on_step=ignore,
        )
    assert not (tmp_path / "third").exists()


def test_paper_recipe_trains_a_paper_network(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, architecture="paper-2d", schedule="constant", precision="bfloat16")
    model = train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert model.spec.architecture == "paper-2d"


def test_a_killed_run_goes_on_to_the_same_weights(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=14, average=0.9, keep="best")
    whole = train(stacks, recipe, tmp_path / "whole", on_step=ignore)
    script = KILLED.format(clean=str(stacks[0].clean.path), folder=str(tmp_path / "parts"))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "parts" / "model.json").exists()
    parts = train(stacks, recipe, tmp_path / "parts", resume=True, on_step=ignore)
    for ours, theirs in zip(
        parts.network().get_weights(), whole.network().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert [r.step for r in read_history(tmp_path / "parts/history.csv")] == list(range(2, 15, 2))


def test_the_best_weights_are_kept(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=30, keep="best", precision="float32")
    model = train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    history = read_history(tmp_path / "mine/history.csv")
    best = min(record.validation_loss for record in history)
    noisy, clean = validation_batch(stacks, recipe, 0)
    loss = np.mean((np.asarray(model.network()(noisy)) - clean) ** 2)
    assert loss == pytest.approx(best, rel=1e-4)
    assert not (tmp_path / "mine/best.keras").exists()


def test_patience_ends_a_run_that_does_not_get_better(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=500, learning_rate=1e-30, schedule="constant", patience=3)
    train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert [r.step for r in read_history(tmp_path / "mine/history.csv")] == [2, 4, 6, 8]


def test_averaged_weights_lag_behind(stacks: list[TrainingStack], tmp_path: Path) -> None:
    """With a momentum near 1 the average stays where the first step left it."""
    constant = replace(RECIPE, schedule="constant", precision="float32")
    recipes = {
        "plain": constant,
        "averaged": replace(constant, average=0.999999),
        "first": replace(constant, steps=1),
    }
    plain, averaged, first = (
        train(stacks, recipe, tmp_path / name, on_step=ignore).network().get_weights()
        for name, recipe in recipes.items()
    )
    far, near = (
        max(np.abs(ours - theirs).max() for ours, theirs in zip(weights, first, strict=True))
        for weights in (plain, averaged)
    )
    assert 0 < near < far / 1000


def test_ctrl_c_saves(stacks: list[TrainingStack], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(stacks, RECIPE, tmp_path / "mine", on_step=interrupt_at(1))
    assert int(load_checkpoint(tmp_path / "mine/checkpoint.keras").optimizer.iterations) == 1
