"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, save_model
from crispim_ij.networks import build
from crispim_ij.prefetch import prefetch
from crispim_ij.training.checkpoint import (
    BEST_FILE,
    CHECKPOINT_FILE,
    check_resumable,
    load_checkpoint,
    save_checkpoint,
    start_run,
)
from crispim_ij.training.history import Record, plot_history, read_history, write_history
from crispim_ij.training.patches import TrainingStack, training_batch, validation_batch
from crispim_ij.training.recipe import Recipe

if TYPE_CHECKING:
    import keras

HISTORY_FILE = "history.csv"
PICTURE_FILE = "history.png"


def train(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    *,
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
        If the loss is no longer a number, there is nothing to resume, or `start_from` is
        of another architecture.
    """
    run = {
        "recipe": asdict(recipe),
        "data": [_describe_stack(stack) for stack in stacks],
        "started_from": start_from and asdict(start_from.spec),
    }
    if resume:
        check_resumable(folder, run)
    _fix_order()
    if resume:
        network = load_checkpoint(folder / CHECKPOINT_FILE)
    else:
        network = _fresh_network(recipe, start_from)
        start_run(folder, run)
    _run(network, stacks, recipe, folder, on_step)
    if recipe.keep == "best":
        network = load_checkpoint(folder / BEST_FILE)
    if recipe.average:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    versions = {name: version(name) for name in ("crispim-ij", "keras", "tensorflow", "numpy")}
    model = save_model(network, recipe.architecture, folder, {**run, "versions": versions})
    for file in (CHECKPOINT_FILE, BEST_FILE):
        (folder / file).unlink(missing_ok=True)
    return model


def _fix_order() -> None:
    """Let every sum be taken in the same order each time."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def _describe_stack(stack: TrainingStack) -> dict[str, Any]:
    noisy = {"noisy": stack.noisy.path.name} if stack.noisy is not None else {}
    described = {"clean": stack.clean.path.name, "shape": list(stack.clean.shape)}
    return {**described, "sha256": stack.sha256, **noisy}


def _fresh_network(recipe: Recipe, start_from: Model | None) -> keras.Model:
    import keras

    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.architecture, precision=recipe.precision)
    if start_from is not None:
        if start_from.spec.architecture != recipe.architecture:
            raise CrispimError(
                f"{start_from.folder} is a {start_from.spec.architecture!r} network, which recipe "
                f"{recipe.name!r} can't start from; give a {recipe.architecture!r} model."
            )
        network.set_weights(start_from.network().get_weights())
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        warm_up = recipe.steps // 40
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=recipe.learning_rate / 10,
            decay_steps=recipe.steps - warm_up,
            alpha=1e-3,
            warmup_target=recipe.learning_rate,
            warmup_steps=warm_up,
        )
    averaging = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    network.compile(keras.optimizers.Adam(rate, **averaging), loss="mse", jit_compile=False)
    return network


def _run(
    network: keras.Model,
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    folder: Path,
    on_step: Callable[[int, Record | None], None],
) -> None:
    done = int(network.optimizer.iterations)
    history = [record for record in read_history(folder / HISTORY_FILE) if record.step <= done]
    batches = prefetch(
        lambda step: training_batch(stacks, recipe, step),
        range(done, recipe.steps),
        workers=1,
        ahead=4,
    )
    losses: list[float] = []
    for noisy, clean in batches:
        losses.append(float(network.train_on_batch(noisy, clean)))
        done += 1
        if done % recipe.validate_every == 0 or done == recipe.steps:
            history.append(_validate(network, stacks, recipe, done, losses))
            write_history(history, folder / HISTORY_FILE)
            losses = []
            if recipe.keep == "best" and _validations_since_best(history) == 0:
                save_checkpoint(network, folder / BEST_FILE)
        ends = done == recipe.steps or _is_stuck(history, recipe)
        if done % recipe.checkpoint_every == 0 or ends:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
            plot_history(history, folder / PICTURE_FILE)
        try:
            on_step(done, history[-1] if history else None)
        except BaseException:
            save_checkpoint(network, folder / CHECKPOINT_FILE)
            raise
        if ends:
            return


def _validations_since_best(history: Sequence[Record]) -> int:
    """Return how many validations ago the loss was lowest; 0 is the newest."""
    losses = [record.validation_loss for record in history]
    return len(losses) - 1 - losses.index(min(losses))


def _is_stuck(history: Sequence[Record], recipe: Recipe) -> bool:
    """Whether the loss has not fallen for as many validations as the recipe's patience."""
    if not (recipe.patience and history):
        return False
    return _validations_since_best(history) >= recipe.patience


def _validate(
    network: keras.Model,
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    done: int,
    losses: list[float],
) -> Record:
    """Make a line of the history from the losses of the steps since the last one."""
    noisy, clean = validation_batch(stacks, recipe, done)
    loss, validation_loss = fmean(losses), float(network.test_on_batch(noisy, clean))
    if not (math.isfinite(loss) and math.isfinite(validation_loss)):
        raise CrispimError(
            f"The loss is no longer a number at step {done}; "
            "train anew with a lower --learning-rate."
        )
    return Record(done, loss, validation_loss, float(network.optimizer.learning_rate))
