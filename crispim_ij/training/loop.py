"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, save_model
from crispim_ij.training.checkpoint import (
    BEST_FILE,
    CHECKPOINT_FILE,
    check_resumable,
    load_checkpoint,
    save_checkpoint,
    start_run,
    steps_done,
)
from crispim_ij.training.devices import choose_devices, strategy_for, training_step
from crispim_ij.training.feed import Feed
from crispim_ij.training.history import Record
from crispim_ij.training.journal import Journal
from crispim_ij.training.kept import keep_planes
from crispim_ij.training.losses import squared_error
from crispim_ij.training.patches import Patch, TrainingStack
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.run import describe_run, fix_order, fresh_network
from crispim_ij.training.settings import RunSettings

if TYPE_CHECKING:
    import keras

DEFAULTS = RunSettings()

OnStep = Callable[[int, Record | None], None]


def train(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    *,
    settings: RunSettings = DEFAULTS,
    start_from: Model | None = None,
    resume: bool = False,
    on_step: Callable[[int, Record | None], None],
) -> Model:
    """Train a network and write a model folder.

    The batch of a step depends on the recipe's seed and the step alone, and TensorFlow
    is told to compute in a fixed order; so an interrupted run goes on to the very weights
    that it would have had. An exception from `on_step`, as Ctrl-C may raise, saves a
    checkpoint first.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        What to train on.
    recipe : Recipe
        How.
    folder : Path
        Model folder to write; holds checkpoint, recipe and history during the run.
    settings : RunSettings
        What else to do: devices, samples, TensorBoard, threads, memory.
    start_from : Model, optional
        Begin with its weights rather than with random ones.
    resume : bool
        Go on from the checkpoint in `folder`.
    on_step : callable
        Told the number of steps done and the newest line of the history, if any.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    CrispimError
        If the loss is no longer a number, there is nothing to resume, `start_from` is of
        another architecture, or there are not the devices asked for.
    """
    devices, run = _begin(stacks, recipe, folder, settings, start_from, resume=resume)
    strategy = strategy_for(devices)
    with strategy.scope():
        if resume:
            network = load_checkpoint(folder / CHECKPOINT_FILE)
        else:
            network = fresh_network(recipe, start_from)
    if not resume:
        start_run(folder, run)
    _run(network, training_step(network, strategy), stacks, recipe, settings, folder, on_step)
    if recipe.keep == "best":
        network = load_checkpoint(folder / BEST_FILE)
    if recipe.average:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    versions = {name: version(name) for name in ("crispim-ij", "keras", "tensorflow", "numpy")}
    model = save_model(network, recipe.architecture, folder, {**run, "versions": versions})
    for file in (CHECKPOINT_FILE, BEST_FILE):
        (folder / file).unlink(missing_ok=True)
    return model


def _begin(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    settings: RunSettings,
    start_from: Model | None,
    *,
    resume: bool,
) -> tuple[list[str], dict[str, Any]]:
    """Return the devices and all that decides the weights, refusing what can't be resumed."""
    fix_order()
    devices = choose_devices(settings.devices, recipe)
    run = describe_run(stacks, recipe, start_from, len(devices))
    if resume:
        check_resumable(folder, run)
    return devices, run


def check_run(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    *,
    settings: RunSettings = DEFAULTS,
    start_from: Model | None = None,
    resume: bool = False,
) -> keras.Model:
    """Refuse what `train` would refuse before its first step, and write nothing.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        See `train`, here and for all others.
    recipe : Recipe
        How the network would be trained.
    folder : Path
        The model folder that would be written.
    settings : RunSettings
        How the run would go.
    start_from : Model, optional
        The model that it would begin with.
    resume : bool
        Whether it would go on with one that was stopped.

    Returns
    -------
    keras.Model
        The network that would be trained.

    Raises
    ------
    CrispimError
        See `train`.
    """
    _begin(stacks, recipe, folder, settings, start_from, resume=resume)
    return fresh_network(recipe, start_from)


def _run(
    network: keras.Model,
    step: Callable[[Patch, Patch], float],
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    settings: RunSettings,
    folder: Path,
    on_step: OnStep,
) -> None:
    done = steps_done(network)
    stacks = keep_planes(stacks, settings.cache)
    journal = Journal(folder, recipe, settings, stacks, done)
    feed = Feed(stacks, recipe, range(done, recipe.steps), workers=settings.workers)
    losses: list[float] = []
    for training, validation in feed:
        losses.append(step(*training))
        done += 1
        if validation is not None:
            validated = float(network.test_on_batch(*validation))
            loss = squared_error(recipe.loss, fmean(losses))
            validated = squared_error(recipe.loss, validated)
            journal.add(_record(network, done, (loss, validated), feed))
            losses = []
            if recipe.keep == "best" and journal.validations_since_best == 0:
                save_checkpoint(network, folder / BEST_FILE)
        ends = done == recipe.steps or journal.is_stuck
        journal.sample(network, done, last=ends)
        if done % recipe.checkpoint_every == 0 or ends:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
            journal.plot()
        try:
            on_step(done, journal.records[-1] if journal.records else None)
        except BaseException:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
            raise
        if ends:
            return


def _record(network: keras.Model, done: int, losses: tuple[float, float], feed: Feed) -> Record:
    """Make a line of the history, unless a loss is no longer a number."""
    import keras

    if not all(map(math.isfinite, losses)):
        raise CrispimError(
            f"The loss is no longer a number at step {done}; "
            "train anew with a lower --learning-rate."
        )
    rate = float(keras.ops.convert_to_numpy(network.optimizer.learning_rate))
    return Record(done, *losses, rate, *feed.lap())
