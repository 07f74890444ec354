"""What a reproduction costs in time and space, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from time import perf_counter

import numpy as np

from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.reproduction.plan import Plan, ReproductionSettings
from crispim_ij.reproduction.recipes import NETWORKS, full_recipe, quick_recipe
from crispim_ij.reproduction.tables import TABLES, planes_tested
from crispim_ij.training import Recipe
from crispim_ij.training.network import fix_order, fresh_network

_WEIGHT_BYTES = 4
_COPIES = 7  # of the weights: the model, a checkpoint with Adam's moments, and the next of these
_REPORT_BYTES = 50_000_000
_GAIN = 0.8  # of the time, below which coarser arithmetic is worth it
_BACKWARD = 3  # A step is a pass forward and one backward that costs twice as much.

_SMALL_PATCH = 64
_LONG = 3.0  # seconds beyond which a step is not worth taking just to be timed
_STEPS = 3


@dataclass(frozen=True)
class Cost:
    """The seconds that a run is expected to take.

    Attributes
    ----------
    training : mapping of str to float
        For each network.
    testing : float
        For the networks on the tested planes.
    """

    training: Mapping[str, float]
    testing: float

    @property
    def seconds(self) -> float:
        """All of it; preprocessing and classic methods take little beside."""
        return sum(self.training.values()) + self.testing


@dataclass(frozen=True)
class Offer:
    """The recipes of a run and what it will cost.

    Attributes
    ----------
    recipes : mapping of str to Recipe
        By the name of the network.
    cost : Cost
        Of this run.
    full : Cost
        Of a run by the paper's own recipes.
    """

    recipes: Mapping[str, Recipe]
    cost: Cost
    full: Cost


def make_offer(plan: Plan, settings: ReproductionSettings) -> Offer:
    """Settle the recipes, and time a few steps of each network.

    A quick recipe computes in bfloat16 where that is clearly faster on this machine.
    """
    full = {name: full_recipe(name, plan.patch, settings.seed) for name in NETWORKS}
    full_steps = {name: seconds_per_step(recipe) for name, recipe in full.items()}
    testing = _testing(plan, full, full_steps)
    full_cost = Cost({name: full[name].steps * full_steps[name] for name in NETWORKS}, testing)
    if not settings.quick:
        return Offer(full, full_cost, full_cost)
    quick = {name: _timed_quick(full[name]) for name in NETWORKS}
    recipes = {name: recipe for name, (recipe, _) in quick.items()}
    training = {name: recipe.steps * seconds for name, (recipe, seconds) in quick.items()}
    return Offer(recipes, Cost(training, testing), full_cost)


def _timed_quick(full: Recipe) -> tuple[Recipe, float]:
    """Return the quick recipe in the precision that is faster here, and a step's seconds."""
    fine, coarse = quick_recipe(full, "float32"), quick_recipe(full, "bfloat16")
    fine_seconds, coarse_seconds = seconds_per_step(fine), seconds_per_step(coarse)
    if coarse_seconds < _GAIN * fine_seconds:
        return coarse, coarse_seconds
    return fine, fine_seconds


def _testing(plan: Plan, recipes: Mapping[str, Recipe], steps: Mapping[str, float]) -> float:
    """Return the seconds that the networks need for the tested planes, with their halos."""
    seconds = 0.0
    for name in {name for table in TABLES for name in table.networks}:
        side = plan.window[2] + 2 * receptive_field(build(name)).halo
        pixel = steps[name] / (recipes[name].batch * recipes[name].patch ** 2 * _BACKWARD)
        planes = sum(planes_tested(plan, one.name) for one in TABLES if name in one.networks)
        seconds += planes * side**2 * pixel
    return seconds


def disk_bytes(plan: Plan) -> int:
    """Return how many bytes stacks, networks and the report need at most."""
    stacks = [*plan.training, *plan.training, plan.test]
    pixels = sum(stack.shape[0] * prod(stack.size) * stack.pixel_bytes for stack in stacks)
    weights = sum(ARCHITECTURES[name].parameters for name in NETWORKS)
    return pixels + weights * _WEIGHT_BYTES * _COPIES + _REPORT_BYTES


def seconds_per_step(recipe: Recipe) -> float:
    """Measure how many seconds a training step takes, without reading, validation, checkpoints.

    Where a step of the recipe's own size would take long, one of a small patch is timed
    and its time multiplied by the number of pixels.
    """
    small = replace(recipe, patch=min(_SMALL_PATCH, recipe.patch), batch=1)
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
