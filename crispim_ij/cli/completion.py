"""What shells complete beside commands, options and paths."""

from __future__ import annotations


def model_names(incomplete: str) -> list[str]:
    """Models that a word may become, for completion in shells."""
    from crispim_ij.models import list_models

    names = [model.folder.name for model in list_models()]
    return [name for name in names if name.startswith(incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """Recipes that a word may become, for completion in shells."""
    from crispim_ij.training.recipe import list_recipes

    return [name for name in list_recipes() if name.startswith(incomplete)]
