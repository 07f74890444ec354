"""The network that a run begins with: its weights, its loss and its optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.networks import ARCHITECTURES, build
from crispim_ij.noise.risk import own_noise
from crispim_ij.training.patches import (
    Patch,
    middle,
    noise_in_batch,
    validation_strength,
    where_noise_is,
)
from crispim_ij.training.recipe import Recipe

if TYPE_CHECKING:
    import keras

Step = Callable[[Patch, Patch], float]
"""Trains on noisy and clean patches, and returns the loss."""

FLOOR = 4.0
"""Squared counts added before the logarithm: errors of 2 counts are small enough."""

LEAST = 1e-3
"""Added before the root, in squared units of the noise: so little error is small enough."""


def fix_order() -> None:
    """Let TensorFlow take every sum in the same order each time."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def fresh_network(recipe: Recipe, start_from: Model | None) -> keras.Model:
    """Build and compile the network that a run begins with, ready to train.

    It takes the weights of `start_from` instead of random ones; CrispimError if that is of another
    architecture.
    """
    import keras

    from crispim_ij.training.optimizers import build_optimizer

    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.architecture, precision=recipe.precision)
    if start_from is not None:
        weights = _initial_weights(start_from, recipe)
        if weights is None:
            raise CrispimError(
                f"{start_from.folder} is a {start_from.spec.architecture!r} network, which recipe "
                f"{recipe.name!r} can't start from; give a {recipe.architecture!r} model."
            )
        network.set_weights(weights)
    optimizer = build_optimizer(recipe)
    network.compile(optimizer, loss=LOSSES[recipe.loss], jit_compile=False)
    # Several devices can't make its variables within a step.
    optimizer.build(network.trainable_variables)
    return network


def _initial_weights(start_from: Model, recipe: Recipe) -> list[Any] | None:
    """Return a model's weights in the form of the recipe's network, if they have one."""
    from crispim_ij.networks import stabilised, unet

    weights: list[Any] = start_from.network().get_weights()
    start, wanted = start_from.spec.architecture, recipe.architecture
    if start == wanted:
        return weights
    inflate = {
        ("residual-2d", "residual-2.5d"): unet.inflate,
        ("stabilised-2d", "stabilised-2.5d"): stabilised.inflate,
    }.get((start, wanted))
    return inflate and inflate(weights)


def check_teacher(teacher: Model, recipe: Recipe) -> None:
    """Refuse a teacher that takes or gives something else than the recipe's network."""
    if recipe.is_blind:
        raise CrispimError(
            f"Recipe {recipe.name!r} learns from noisy planes alone, without a teacher "
            "(--teacher): leave it out."
        )
    given, wanted = ARCHITECTURES[teacher.spec.architecture], ARCHITECTURES[recipe.architecture]
    if (given.depth, given.input_scaling) != (wanted.depth, wanted.input_scaling):
        raise CrispimError(
            f"{teacher.folder} is a {teacher.spec.architecture!r} network, which can't teach the "
            f"{recipe.architecture!r} network of recipe {recipe.name!r}: give one that takes as "
            "many planes, and is told the noise or not, as that one."
        )


def taught(step: Step, teacher: Model) -> Step:
    """Let a training step aim halfway between clean patches and what a teacher makes of them."""
    network = teacher.network()

    def halfway(noisy: Patch, clean: Patch) -> float:
        return step(noisy, (clean + network.predict_on_batch(noisy)) / 2)

    return halfway


def log_mse(clean: Any, predicted: Any) -> Any:
    """Mean over patches of the logarithm of their mean squared error: 0.23 less is 1 dB more."""
    from keras import ops

    return ops.mean(ops.log(_of_patches(clean, predicted) + FLOOR))


def rmse(clean: Any, predicted: Any) -> Any:
    """Mean over patches of the root of their mean squared error.

    It lies between the squared error, by which patches with much fine structure decide all,
    and its logarithm, by which smooth ones do.
    """
    from keras import ops

    return ops.mean(ops.sqrt(_of_patches(clean, predicted) + LEAST))


def _of_patches(clean: Any, predicted: Any) -> Any:
    from keras import ops

    return ops.mean(ops.square(clean - predicted), axis=(1, 2, 3))


def squared_error(loss: str, value: float) -> float:
    """Return what a loss came to as a mean squared error, in squared counts or units of the noise.

    It is the mean itself, the square of the mean root, or the geometric mean.
    """
    if loss == "rmse":
        return max(value**2 - LEAST, 0.0)
    return math.exp(value) - FLOOR if loss == "log-mse" else value


def error_of_nothing(batch: tuple[Patch, Patch], recipe: Recipe) -> float:
    """Return, as `squared_error` does, what a recipe's loss comes to if noisy patches are left."""
    noisy, clean = middle(*batch), batch[1]
    if recipe.is_blind:
        strength = validation_strength(recipe)
        return where_noise_is(own_noise(noise_in_batch(batch, strength), strength), batch)
    loss = LOSSES[recipe.loss]
    value = np.mean((noisy - clean) ** 2) if isinstance(loss, str) else loss(clean, noisy)
    return squared_error(recipe.loss, float(value))


LOSSES: dict[str, str | Callable[[Any, Any], Any]] = {
    "mse": "mse",
    "rmse": rmse,
    "log-mse": log_mse,
}
"""By the names that recipes have for them."""
