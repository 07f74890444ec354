"""Train a network on pairs of noisy and clean planes."""

from crispim_ij.training.loop import train
from crispim_ij.training.patches import TrainingStack, open_stack
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.recipe_file import list_recipes, load_recipe

__all__ = [
    "Recipe",
    "TrainingStack",
    "list_recipes",
    "load_recipe",
    "open_stack",
    "train",
]
