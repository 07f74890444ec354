"""What moves the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    from crispim_ij.training.recipe import Recipe

FEWEST = 16
"""Channels on either side from which a kernel is a matrix worth making orthogonal."""


@keras.saving.register_keras_serializable("crispim_ij")
class KernelMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Keras' Muon for convolutions: a kernel is a matrix with a column for each filter.

    Keras gives kernels to Adam; here only biases and the first and last kernels are.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2 or min(variable.shape[-2:]) < FEWEST

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Make a kernel orthogonal."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Scale a step so that it is as long as Adam's."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().lr_adjust(matrix), x.shape)


def build_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Make the optimizer of a recipe: its learning rate, schedule and moving average of weights."""
    momentum = recipe.ema_momentum
    averaging = {"use_ema": True, "ema_momentum": momentum} if momentum else {}
    if recipe.optimizer == "muon":
        no_decay = {"weight_decay": None, "adam_weight_decay": None}
        return KernelMuon(_learning_rate(recipe), **no_decay, **averaging)
    return keras.optimizers.Adam(_learning_rate(recipe), **averaging)


def _learning_rate(recipe: Recipe) -> Any:
    """Return a number, or a schedule that warms up and falls."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warm_up = recipe.steps // 40
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 10,
        decay_steps=recipe.steps - warm_up,
        alpha=1e-3,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )
