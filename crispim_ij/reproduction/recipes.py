"""The paper's recipes, and what of them changes with the data and with `--quick`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from crispim_ij.networks.architectures import Precision
from crispim_ij.reproduction.plan import ReproductionSettings
from crispim_ij.training import Recipe, load_recipe

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


@dataclass(frozen=True)
class RecipeChange:
    """A setting in which a recipe differs from the paper's.

    Attributes
    ----------
    key : str
        An attribute of `Recipe`.
    paper, here : object
        Its two values.
    """

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
    kept = ("seed", "checkpoint_every")
    keys = (field.name for field in fields(Recipe) if field.name not in kept)
    pairs = [(key, getattr(paper, key), getattr(recipe, key)) for key in keys]
    return [RecipeChange(*pair) for pair in pairs if pair[1] != pair[2]]
