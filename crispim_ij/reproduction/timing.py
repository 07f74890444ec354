"""How long training takes on this machine, from a few steps of it."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from crispim_ij.networks import ARCHITECTURES
from crispim_ij.training import Recipe
from crispim_ij.training.network import fix_order, fresh_network

_PATCH = 64
_LONG = 3.0  # seconds beyond which a step is not worth taking just to be timed
_STEPS = 3


def seconds_per_step(recipe: Recipe) -> float:
    """Measure how long a training step takes.

    Where a step of the recipe's own size would take long, one of a small patch is timed
    and its time multiplied by the number of pixels.

    Parameters
    ----------
    recipe : Recipe
        What would be trained.

    Returns
    -------
    float
        Seconds, without reading data, validation and checkpoints.
    """
    small = replace(recipe, patch=min(_PATCH, recipe.patch), batch=1)
    scaled = _timed(small) * _pixels(recipe) / _pixels(small)
    return scaled if scaled > _LONG else _timed(recipe)


def _pixels(recipe: Recipe) -> int:
    return recipe.batch * recipe.patch**2


def _timed(recipe: Recipe) -> float:
    """Take a step to compile it, and some to time it."""
    import keras
    import tensorflow as tf

    fix_order()
    network = fresh_network(recipe, None)
    depth = ARCHITECTURES[recipe.architecture].depth
    shape = (recipe.batch, recipe.patch, recipe.patch, 1)
    clean = np.random.default_rng(0).uniform(100, 500, shape).astype(np.float32)
    noisy = clean if depth == 1 else np.repeat(clean[:, np.newaxis], depth, axis=1)
    batch = tf.constant(noisy), tf.constant(clean)
    # Called in another way, it would warn that it is compiled for network after network.
    step = tf.function(network.train_step, autograph=False).get_concrete_function(batch)

    def take() -> None:
        # Asking for the value waits for it, on a GPU too.
        float(step(*batch)["loss"])

    take()
    seconds = []
    for _ in range(_STEPS):
        began = perf_counter()
        take()
        seconds.append(perf_counter() - began)
    keras.backend.clear_session()
    # What else the machine does can only make a step longer.
    return min(seconds)
