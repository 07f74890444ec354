from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, load_model
from crispim_ij.training import RunSettings, TrainingStack, loop
from crispim_ij.training import train as train_network
from crispim_ij.training.checkpoints import load_checkpoint, steps_done
from crispim_ij.training.log import read_history, share_waited
from crispim_ij.training.patches import training_batch, validation_batch
from crispim_ij.training.recipe import RENAMED
from tests.training.process import train_apart
from tests.training.small import (
    QUIET,
    RECIPE,
    assert_same_weights,
    ignore,
    steps_told,
)
from tests.training.test_log import told

train = partial(train_network, settings=QUIET)


def test_a_run_leaves_a_model_with_its_history(whole: Model, whole_steps: list[int]) -> None:
    assert whole_steps == list(range(1, 9))
    model = load_model(whole.folder)
    assert model.network().count_params() == 332_641
    assert model.spec.provenance["recipe"]["name"] == "small"
    (data,) = model.spec.provenance["data"]
    assert (data["clean"], data["shape"], len(data["sha256"])) == ("clean.tif", [12, 40, 40], 64)
    assert steps_told(whole.folder) == [2, 4, 6, 8]
    assert model.spec.provenance["devices"] == 1
    names = {path.name for path in whole.folder.iterdir()}
    assert names == {"model.keras", "model.json", "recipe.json", "history.csv", "history.png"}


@pytest.mark.long
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
    assert all(0 <= record.waited < record.seconds for record in history)
    assert 0 < share_waited(history) < 1


def test_training_lowers_the_loss(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(
        RECIPE, steps=80, noise_sd=(35.0, 35.0), validate_every=40, checkpoint_every=80
    )
    train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    history = read_history(tmp_path / "mine/history.csv")
    assert history[-1].validation_loss < 0.7 * 35**2
    assert history[-1].validation_loss < history[0].validation_loss


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(
    stacks: list[TrainingStack], whole: Model, broken: Path, tmp_path: Path
) -> None:
    assert (broken / "checkpoint.keras").exists()
    shutil.copytree(broken, tmp_path / "parts")
    parts = train(stacks, RECIPE, tmp_path / "parts", resume=True, on_step=ignore)
    assert_same_weights(parts, whole)
    assert steps_told(tmp_path / "parts") == [2, 4, 6, 8]


def test_only_the_same_run_is_resumed(
    stacks: list[TrainingStack], broken: Path, tmp_path: Path
) -> None:
    with pytest.raises(CrispimError, match="holds no checkpoint"):
        train(stacks, RECIPE, tmp_path / "mine", resume=True, on_step=ignore)
    shutil.copytree(broken, tmp_path / "mine", dirs_exist_ok=True)
    with pytest.raises(CrispimError, match=r"recipe.json differs"):
        train(stacks, replace(RECIPE, seed=1), tmp_path / "mine", resume=True, on_step=ignore)
    assert json.loads((tmp_path / "mine/recipe.json").read_text())["recipe"]["seed"] == 0


@pytest.mark.long
def test_a_run_begun_by_an_older_version_is_resumed(
    stacks: list[TrainingStack], broken: Path, tmp_path: Path
) -> None:
    shutil.copytree(broken, tmp_path / "mine")
    file = tmp_path / "mine/recipe.json"
    run = json.loads(file.read_text())
    for old, new in RENAMED.items():
        run["recipe"][old] = run["recipe"].pop(new)
    file.write_text(json.dumps(run))
    other = replace(RECIPE, ema_momentum=0.5)
    with pytest.raises(CrispimError, match=r"recipe.json differs"):
        train(stacks, other, tmp_path / "mine", resume=True, on_step=ignore)
    train(stacks, RECIPE, tmp_path / "mine", resume=True, on_step=ignore)
    assert steps_told(tmp_path / "mine") == [2, 4, 6, 8]


def test_a_loss_that_is_no_number_stops_the_run(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, learning_rate=1e30, schedule="constant")
    with pytest.raises(CrispimError, match=r"no longer a number at step .*--learning-rate"):
        train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert not (tmp_path / "mine/model.json").exists()


@pytest.mark.long
def test_a_run_can_start_from_a_model(
    stacks: list[TrainingStack], whole: Model, tmp_path: Path
) -> None:
    """A rate of next to nothing leaves the weights where they began."""
    still = replace(RECIPE, learning_rate=1e-12, seed=9)
    second = train(stacks, still, tmp_path / "second", start_from=whole, on_step=ignore)
    for ours, theirs in zip(
        second.network().get_weights(), whole.network().get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert second.spec.provenance["started_from"]["sha256"] == whole.spec.sha256
    with pytest.raises(CrispimError, match=r"whole is a 'residual-2d' network"):
        train(
            stacks,
            replace(RECIPE, architecture="paper-2d"),
            tmp_path / "third",
            start_from=whole,
            on_step=ignore,
        )
    assert not (tmp_path / "third").exists()


@pytest.mark.long
def test_a_teacher_gives_half_of_what_is_learnt(
    stacks: list[TrainingStack], whole: Model, tmp_path: Path
) -> None:
    """It is right or wrong like the clean planes: taught by itself, errors are half of its own."""
    still = replace(RECIPE, learning_rate=1e-12, seed=9)
    losses = {}
    for name, teacher in (("alone", None), ("taught", whole)):
        model = train(
            stacks, still, tmp_path / name, start_from=whole, teacher=teacher, on_step=ignore
        )
        losses[name] = [record.loss for record in read_history(model.folder / "history.csv")]
        assert ("teacher" in model.spec.provenance) == (teacher is not None)
    np.testing.assert_allclose(losses["taught"], np.divide(losses["alone"], 4), rtol=1e-4)


def test_a_teacher_that_is_told_something_else_is_refused(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    from crispim_ij.models import find_model

    with pytest.raises(CrispimError, match=r"'stabilised-2.5d' network, which can't teach"):
        train(stacks, RECIPE, tmp_path / "x", teacher=find_model("crispim-3d"), on_step=ignore)
    assert not (tmp_path / "x").exists()


@pytest.mark.long
def test_a_network_of_several_planes_can_start_from_a_flat_one(
    stacks: list[TrainingStack], whole: Model, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, architecture="residual-2.5d", learning_rate=1e-12, loss="log-mse")
    deep = train(stacks, recipe, tmp_path / "deep", start_from=whole, on_step=ignore)
    planes = np.random.default_rng(0).uniform(0, 500, (1, 5, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(deep.network()(planes)), np.asarray(whole.network()(planes[:, 2])), atol=1e-2
    )
    history = read_history(tmp_path / "deep" / "history.csv")
    # Told in squared counts, whatever the loss is: noise of sd 30 to 40 here.
    assert all(10**2 < record.validation_loss < 40**2 for record in history)


@pytest.mark.long
def test_paper_recipe_trains_a_paper_network(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, architecture="paper-2d", schedule="constant", precision="bfloat16")
    model = train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert model.spec.architecture == "paper-2d"


@pytest.mark.long
def test_a_killed_run_goes_on_to_the_same_weights(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    """Whatever is told of the run, and however its batches are read."""
    recipe = replace(RECIPE, steps=14, ema_momentum=0.9, checkpoint_policy="best")
    whole = train(stacks, recipe, tmp_path / "whole", on_step=ignore)
    parts = tmp_path / "parts"
    told_of = {"devices": 1, "tensorboard": True, "sample_every": 5, "workers": 3, "cache": 0}
    run = {"folder": parts, "settings": told_of, "kill_at": 11}
    assert train_apart(stacks[0].clean.path, recipe, run) == -signal.SIGKILL
    assert not (parts / "model.json").exists()
    assert told(parts / "tensorboard")["samples"] == [5, 10]

    settings = RunSettings(tensorboard=True, sample_every=5)
    resumed = train_network(stacks, recipe, parts, settings=settings, resume=True, on_step=ignore)
    assert_same_weights(resumed, whole)
    steps = list(range(2, 15, 2))
    assert steps_told(parts) == steps
    curves = told(parts / "tensorboard")
    assert curves.pop("samples") == [5, 10, 14]
    assert set(map(tuple, curves.values())) == {tuple(steps)}
    pictures = sorted(file.name for file in (parts / "samples").iterdir())
    assert pictures == ["step-000005.png", "step-000010.png", "step-000014.png"]


@pytest.mark.long
def test_a_run_anew_forgets_the_old_one(stacks: list[TrainingStack], tmp_path: Path) -> None:
    settings = RunSettings(tensorboard=True, sample_every=4)
    train_network(stacks, RECIPE, tmp_path / "mine", settings=settings, on_step=ignore)
    train(stacks, replace(RECIPE, steps=2), tmp_path / "mine", on_step=ignore)
    assert steps_told(tmp_path / "mine") == [2]
    for folder in ("samples", "tensorboard"):
        assert list((tmp_path / "mine" / folder).iterdir()) == []


@pytest.mark.long
def test_by_default_a_tenth_of_the_steps_is_pictured(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=25, learning_rate=1e-9, patience=1)
    train_network(stacks, recipe, tmp_path / "mine", on_step=ignore)
    pictures = {file.name for file in (tmp_path / "mine/samples").iterdir()}
    ended = steps_told(tmp_path / "mine")[-1]
    assert pictures == {f"step-{step:06}.png" for step in (*range(2, ended, 2), ended)}


@pytest.mark.long
def test_the_best_weights_are_kept(stacks: list[TrainingStack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=30, checkpoint_policy="best", precision="float32")
    model = train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    history = read_history(tmp_path / "mine/history.csv")
    best = min(record.validation_loss for record in history)
    noisy, clean = validation_batch(stacks, recipe, 0)
    loss = np.mean((np.asarray(model.network()(noisy)) - clean) ** 2)
    assert loss == pytest.approx(best, rel=1e-4)
    assert not (tmp_path / "mine/best.keras").exists()


@pytest.mark.long
def test_patience_ends_a_run_that_does_not_get_better(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=500, learning_rate=1e-30, schedule="constant", patience=3)
    train(stacks, recipe, tmp_path / "mine", on_step=ignore)
    assert steps_told(tmp_path / "mine") == [2, 4, 6, 8]


@pytest.mark.long
def test_averaged_weights_lag_behind(stacks: list[TrainingStack], tmp_path: Path) -> None:
    """With a momentum near 1 the average stays where the first step left it."""
    constant = replace(RECIPE, schedule="constant", precision="float32")
    recipes = {
        "plain": constant,
        "averaged": replace(constant, ema_momentum=0.999999),
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


def test_ctrl_c_saves(broken: Path) -> None:
    """After a step at which no checkpoint is due."""
    assert steps_done(load_checkpoint(broken / "checkpoint.keras")) == 5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("devices", 0, "--devices is 0; it must be 1 or more"),
        ("sample_every", -1, "--sample-every is -1; it must be 0 or more"),
        ("workers", 0, "--workers is 0; it must be 1 or more"),
        ("cache", -0.5, "--cache is -0.5; it must be 0 or more"),
    ],
)
def test_values_that_can_not_be(name: str, value: float, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        RunSettings(**{name: value})


def test_tensorboard_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "find_spec", lambda name: None)
    assert not RunSettings().tensorboard
    with pytest.raises(CrispimError, match=r"pip install crispim-ij\[tensorboard\]"):
        RunSettings(tensorboard=True)
