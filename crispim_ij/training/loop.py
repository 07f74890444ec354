"""The training loop, and the options of a run that leave its recipe alone."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, save_model
from crispim_ij.training.checkpoints import (
    BEST_FILE,
    CHECKPOINT_FILE,
    check_resumable,
    describe_run,
    load_checkpoint,
    save_checkpoint,
    start_run,
    steps_done,
)
from crispim_ij.training.devices import choose_devices, strategy_for, training_step
from crispim_ij.training.log import HistoryEntry, TrainingLog
from crispim_ij.training.network import (
    check_teacher,
    fix_order,
    fresh_network,
    squared_error,
    taught,
)
from crispim_ij.training.patches import (
    Batch,
    Feed,
    Patch,
    noise_in_batch,
    training_batch,
    validation_batch,
    validation_strength,
    where_noise_is,
)
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.stacks import TrainingStack, cache_planes

if TYPE_CHECKING:
    import keras

OnStep = Callable[[int, HistoryEntry | None], None]
"""Told the number of steps done and the newest line of the history, if any."""


@dataclass(frozen=True)
class RunSettings:
    """Options of a training run that don't belong in its recipe.

    None of them changes the weights, but for `devices`, which changes them within
    rounding: gradients of several devices are summed in another order.

    Attributes
    ----------
    devices : int or None
        GPUs to share each batch out to, or processors where there is no GPU. None takes
        as many as divide the batch.
    sample_every : int or None
        Steps between pictures of samples; 0 never, None a tenth of the recipe's steps.
    tensorboard : bool
        Whether losses and samples are also written for TensorBoard.
    workers : int
        Threads that draw batches ahead.
    cache : float
        Decoded planes to keep in memory, in GB.

    Raises
    ------
    CrispimError
        If a value can't be, or TensorBoard is asked for and not installed.
    """

    devices: int | None = None
    sample_every: int | None = None
    tensorboard: bool = False
    workers: int = min(8, os.cpu_count() or 1)
    cache: float = 1.0

    def __post_init__(self) -> None:
        for name, lowest in (("devices", 1), ("sample_every", 0), ("workers", 1), ("cache", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                option = name.replace("_", "-")
                raise CrispimError(f"--{option} is {value}; it must be {lowest} or more.")
        if self.tensorboard and find_spec("tensorboard") is None:
            raise CrispimError(
                "--tensorboard needs the package tensorboard, which is not installed: run "
                "`pip install crispim-ij[tensorboard]`, or leave the option out."
            )


DEFAULTS = RunSettings()

TIMED_STEPS = 2
"""Steps by which a run's time is foretold; other programs may be in the way of one of them."""


def train(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    *,
    settings: RunSettings = DEFAULTS,
    start_from: Model | None = None,
    teacher: Model | None = None,
    resume: bool = False,
    on_step: OnStep,
) -> Model:
    """Train a network and write a model folder.

    The batch of a step depends on the recipe's seed and the step alone, and TensorFlow
    is told to compute in a fixed order; so an interrupted run, resumed, ends at the very
    weights that it would have had. An exception from `on_step`, as Ctrl-C may raise, saves a
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
    teacher : Model, optional
        Learn from the mean of the clean planes and what this model makes of the noisy ones,
        which has no noise of its own.
    resume : bool
        Continue from the checkpoint in `folder`.
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
        another architecture, `teacher` takes other planes, or there are not the devices
        asked for.
    """
    devices, run = check_run(stacks, recipe, folder, settings, start_from, teacher, resume=resume)
    strategy = strategy_for(devices)
    with strategy.scope():
        if resume:
            network = load_checkpoint(folder / CHECKPOINT_FILE)
        else:
            network = fresh_network(recipe, start_from)
    if not resume:
        start_run(folder, run)
    step = training_step(network, strategy)
    if teacher is not None:
        step = taught(step, teacher)
    _run(network, step, stacks, recipe, settings, folder, on_step, begins=start_from is not None)
    if recipe.checkpoint_policy == "best":
        network = load_checkpoint(folder / BEST_FILE)
    if recipe.ema_momentum:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    return finish_run(network, recipe, folder, run)


def finish_run(network: keras.Model, recipe: Recipe, folder: Path, run: dict[str, Any]) -> Model:
    """Write the model folder in place of the run's checkpoints."""
    versions = {name: version(name) for name in ("crispim-ij", "keras", "tensorflow", "numpy")}
    model = save_model(network, recipe.architecture, folder, {**run, "versions": versions})
    for file in (CHECKPOINT_FILE, BEST_FILE):
        (folder / file).unlink(missing_ok=True)
    return model


def check_run(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    settings: RunSettings,
    start_from: Model | None,
    teacher: Model | None,
    *,
    resume: bool,
) -> tuple[list[str], dict[str, Any]]:
    """Refuse what `train` would refuse, and return devices and all that decides the weights."""
    fix_order()
    devices = choose_devices(settings.devices, recipe)
    if teacher is not None:
        check_teacher(teacher, recipe)
    run = describe_run(stacks, recipe, start_from, teacher, len(devices))
    if resume:
        check_resumable(folder, run)
    return devices, run


def _run(
    network: keras.Model,
    step: Callable[[Patch, Patch], float],
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    settings: RunSettings,
    folder: Path,
    on_step: OnStep,
    *,
    begins: bool,
) -> None:
    done = steps_done(network)
    stacks = cache_planes(stacks, settings.cache)
    log = TrainingLog(
        folder,
        recipe,
        stacks,
        done,
        sample_every=settings.sample_every,
        tensorboard=settings.tensorboard,
    )
    feed = Feed(stacks, recipe, range(done, recipe.steps), workers=settings.workers)
    keeps_best = recipe.checkpoint_policy == "best"
    if done == 0 and begins and keeps_best:
        # What it begins with is kept where nothing better comes.
        log.add(_first_entry(network, stacks, recipe, feed))
        save_checkpoint(network, folder / BEST_FILE)
        on_step(0, log.history[-1])
    losses: list[float] = []
    for training, validation in feed:
        losses.append(_without_noise(step(*training), training, recipe, recipe.recorruption))
        done += 1
        if validation is not None:
            loss = squared_error(recipe.loss, fmean(losses))
            validated = _validated(network, validation, recipe)
            log.add(_history_entry(network, done, (loss, validated), feed))
            losses = []
            if keeps_best and log.validations_since_best == 0:
                save_checkpoint(network, folder / BEST_FILE)
        ends = done == recipe.steps or log.is_stuck
        log.sample(network, done, last=ends)
        if done % recipe.checkpoint_every == 0 or ends:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
        if validation is not None or ends:
            log.plot(last=ends)
        try:
            on_step(done, log.history[-1] if log.history else None)
        except BaseException:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
            log.plot(last=True)
            raise
        if ends:
            return


def seconds_a_step(network: keras.Model, batch: Batch) -> float:
    """Measure how long a step takes here, on a network that is not needed any more."""
    network.train_on_batch(*batch)  # is compiled at first
    times = []
    for _ in range(TIMED_STEPS):
        started = perf_counter()
        network.train_on_batch(*batch)
        times.append(perf_counter() - started)
    return min(times)


def _without_noise(loss: float, batch: Batch, recipe: Recipe, strength: float) -> float:
    """Return a batch's loss without the noise of its targets, which no network can lower."""
    if not recipe.is_blind:
        return loss
    return where_noise_is(loss - noise_in_batch(batch, strength), batch)


def _validated(network: keras.Model, batch: Batch, recipe: Recipe) -> float:
    """Return the mean squared error of a validation batch, against the clean or estimated."""
    loss = float(network.test_on_batch(*batch))
    error = _without_noise(loss, batch, recipe, validation_strength(recipe))
    return squared_error(recipe.loss, error)


def _first_entry(
    network: keras.Model, stacks: Sequence[TrainingStack], recipe: Recipe, feed: Feed
) -> HistoryEntry:
    """Make the line of the history of a network that was not trained yet."""
    training, validation = training_batch(stacks, recipe, 0), validation_batch(stacks, recipe, 0)
    loss = float(network.test_on_batch(*training))
    error = _without_noise(loss, training, recipe, recipe.recorruption)
    losses = squared_error(recipe.loss, error), _validated(network, validation, recipe)
    return _history_entry(network, 0, losses, feed)


def _history_entry(
    network: keras.Model, done: int, losses: tuple[float, float], feed: Feed
) -> HistoryEntry:
    """Make a line of the history, unless a loss is no longer a number."""
    import keras

    if not all(map(math.isfinite, losses)):
        raise CrispimError(
            f"The loss is no longer a number at step {done}; "
            "train again with a lower --learning-rate."
        )
    rate = float(keras.ops.convert_to_numpy(network.optimizer.learning_rate))
    return HistoryEntry(done, *losses, rate, *feed.lap())
