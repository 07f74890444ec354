"""The recipes of a run: the paper's, what data and `--quick` change of them, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.networks.architectures import Precision
from crispim_ij.reproduction.plan import ReproductionPlan, ReproductionSettings
from crispim_ij.reproduction.tables import TABLES, planes_tested
from crispim_ij.training import Recipe, load_recipe
from crispim_ij.training.loop import seconds_a_step
from crispim_ij.training.network import fix_order, fresh_network

NETWORKS = ("paper-2d", "paper-3d")
"""Recipes that are trained, and the names of the models."""

_CHECKPOINTS: Mapping[str, int] = MappingProxyType({"paper-2d": 100, "paper-3d": 20})

QUICK: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper-2d": {"patch": 64, "crop": "random", "learning_rate": 1e-3},
        "paper-3d": {
            "steps": 300,
            "patch": 64,
            "crop": "random",
            "learning_rate": 5e-4,
            "schedule": "cosine",
        },
    }
)
"""What `--quick` changes, beside the precision."""

_WEIGHT_BYTES = 4
_COPIES = 7  # of the weights: the model, a checkpoint with Adam's moments, and the next of these
_REPORT_BYTES = 50_000_000
_GAIN = 0.8  # of the time, below which coarser arithmetic is worth it
_BACKWARD = 3  # A step is a pass forward and one backward that costs twice as much.

_SMALL_PATCH = 64
_LONG = 3.0  # seconds beyond which a step is not worth taking just to be timed


class RecipeChange(NamedTuple):
    """A key of a recipe, with the paper's value and that of here."""

    key: str
    paper: Any
    here: Any


def full_recipe(name: str, patch: int, seed: int) -> Recipe:
    """Return the paper's recipe of a network for patches, in px, that the data allow."""
    paper = load_recipe(name)
    # A kill must not cost hours where a step takes a minute.
    return replace(paper, patch=patch, seed=seed, checkpoint_every=_CHECKPOINTS[name])


def quick_recipe(full: Recipe, precision: Precision) -> Recipe:
    """Return a recipe of the same network, batch, loss and optimizer that takes minutes."""
    changes = QUICK[full.name]
    patch = min(changes["patch"], full.patch)
    return replace(full, **{**changes, "patch": patch, "precision": precision})


def settled_recipes(
    patch: int, settings: ReproductionSettings, precisions: Mapping[str, Precision]
) -> dict[str, Recipe]:
    """Return the recipes of a run that is resumed, in the precisions that it began with."""
    full = {name: full_recipe(name, patch, settings.seed) for name in NETWORKS}
    if not settings.quick:
        return full
    return {name: quick_recipe(full[name], precisions[name]) for name in NETWORKS}


def changes_of(recipe: Recipe) -> list[RecipeChange]:
    """List in what a recipe differs from the paper's of the same name.

    The seed, which the paper doesn't give, and how often it is saved are left out.
    """
    paper = load_recipe(recipe.name)
    left_out = ("seed", "checkpoint_every")
    keys = (field.name for field in fields(Recipe) if field.name not in left_out)
    pairs = [(key, getattr(paper, key), getattr(recipe, key)) for key in keys]
    return [RecipeChange(*pair) for pair in pairs if pair[1] != pair[2]]


@dataclass(frozen=True)
class Cost:
    """Seconds that a run is expected to take: training of each network, and all testing."""

    training: Mapping[str, float]
    testing: float

    @property
    def seconds(self) -> float:
        """All of it; preprocessing and classic methods take little beside."""
        return sum(self.training.values()) + self.testing


@dataclass(frozen=True)
class Offer:
    """A run's recipes by network, its cost, and that of the paper's own recipes (`full`)."""

    recipes: Mapping[str, Recipe]
    cost: Cost
    full: Cost


def make_offer(plan: ReproductionPlan, settings: ReproductionSettings) -> Offer:
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


def _testing(
    plan: ReproductionPlan, recipes: Mapping[str, Recipe], steps: Mapping[str, float]
) -> float:
    """Return the seconds that the networks need for the tested planes, with their halos."""
    seconds = 0.0
    for name in {name for table in TABLES for name in table.networks}:
        side = plan.window[2] + 2 * receptive_field(build(name)).halo
        pixel = steps[name] / (recipes[name].batch * recipes[name].patch ** 2 * _BACKWARD)
        planes = sum(planes_tested(plan, one.name) for one in TABLES if name in one.networks)
        seconds += planes * side**2 * pixel
    return seconds


def disk_bytes(plan: ReproductionPlan) -> int:
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
    """Time the steps of a fresh network, on planes that are drawn."""
    import keras

    fix_order()
    network = fresh_network(recipe, None)
    depth = ARCHITECTURES[recipe.architecture].depth
    shape = (recipe.batch, recipe.patch, recipe.patch, 1)
    clean = np.random.default_rng(0).uniform(100, 500, shape).astype(np.float32)
    noisy = clean if depth == 1 else np.repeat(clean[:, np.newaxis], depth, axis=1)
    seconds = seconds_a_step(network, (noisy, clean))
    keras.backend.clear_session()
    return seconds
