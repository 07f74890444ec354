"""Train a network on pairs of noisy and clean planes."""

from crispim_ij.training.blind import check_data, open_noisy_stack
from crispim_ij.training.loop import check_run, train
from crispim_ij.training.patches import TrainingStack, open_stack
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.recipe_file import list_recipes, load_recipe
from crispim_ij.training.settings import RunSettings

__all__ = [
    "Recipe",
    "RunSettings",
    "TrainingStack",
    "check_data",
    "check_run",
    "list_recipes",
    "load_recipe",
    "open_noisy_stack",
    "open_stack",
    "train",
]
