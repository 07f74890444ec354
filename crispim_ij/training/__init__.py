"""Train a network on pairs of noisy and clean planes."""

from crispim_ij.training.adaptation import Adapted, AdaptSettings, adapt, check_adaptable
from crispim_ij.training.job import (
    TrainingJob,
    changed_recipe,
    check_place,
    check_training,
    run_training,
)
from crispim_ij.training.loop import RunSettings, train
from crispim_ij.training.recipe import Recipe, list_recipes, load_recipe
from crispim_ij.training.stacks import TrainingStack, check_data, open_noisy_stack, open_stack

__all__ = [
    "AdaptSettings",
    "Adapted",
    "Recipe",
    "RunSettings",
    "TrainingJob",
    "TrainingStack",
    "adapt",
    "changed_recipe",
    "check_adaptable",
    "check_data",
    "check_place",
    "check_training",
    "list_recipes",
    "load_recipe",
    "open_noisy_stack",
    "open_stack",
    "run_training",
    "train",
]
