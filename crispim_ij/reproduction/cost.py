"""What a reproduction costs in time and space, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.reproduction.plan import Plan
from crispim_ij.reproduction.recipes import NETWORKS, full_recipe, quick_recipe
from crispim_ij.reproduction.settings import ReproductionSettings
from crispim_ij.reproduction.tables import TABLES, planes_tested
from crispim_ij.reproduction.timing import seconds_per_step
from crispim_ij.training import Recipe

_WEIGHT_BYTES = 4
_COPIES = 7  # of the weights: the model, a checkpoint with Adam's moments, and the next of these
_REPORT_BYTES = 50_000_000
_GAIN = 0.8  # of the time, below which coarser arithmetic is worth it
_BACKWARD = 3  # A step is a pass forward and one backward that costs twice as much.


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

    Parameters
    ----------
    plan : Plan
        The stacks.
    settings : ReproductionSettings
        What was asked for.

    Returns
    -------
    Offer
        Recipes and costs.
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
    """Return how much room a run needs.

    Parameters
    ----------
    plan : Plan
        Its stacks.

    Returns
    -------
    int
        Bytes for the clean and noisy stacks, the networks and the report, at most.
    """
    stacks = [*plan.training, *plan.training, plan.test]
    pixels = sum(stack.shape[0] * prod(stack.size) * stack.pixel_bytes for stack in stacks)
    weights = sum(ARCHITECTURES[name].parameters for name in NETWORKS)
    return pixels + weights * _WEIGHT_BYTES * _COPIES + _REPORT_BYTES
