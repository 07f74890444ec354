"""Train a network on pairs of noisy and clean planes."""

from crispim_ij.training.loop import train
from crispim_ij.training.patches import TrainingStack, open_stack
from crispim_ij.training.recipes import RECIPES, Recipe

__all__ = ["RECIPES", "Recipe", "TrainingStack", "open_stack", "train"]
