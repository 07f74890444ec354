"""The blind recipe's data: noisy stacks, whose noise is measured on themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crispim_ij.errors import CrispimError
from crispim_ij.noise import CalibrationSettings, calibrate
from crispim_ij.training.patches import TrainingStack, open_stack
from crispim_ij.training.recipe import Recipe

if TYPE_CHECKING:
    from crispim_ij.planes import Source


def check_data(recipe: Recipe, *, clean: int, noisy: int) -> None:
    """Refuse data that don't suit a recipe.

    Parameters
    ----------
    recipe : Recipe
        What is to be trained.
    clean, noisy : int
        How many stacks of each kind there are.

    Raises
    ------
    CrispimError
        If the recipe needs other data.
    """
    if recipe.is_blind and (clean or not noisy):
        raise CrispimError(
            f"Recipe {recipe.name!r} learns from noisy planes alone; give them with --noisy, and "
            "no --clean."
        )
    if not recipe.is_blind and not clean:
        raise CrispimError(
            f"Recipe {recipe.name!r} needs clean planes (--clean); where there are none, take "
            "--recipe blind."
        )
    if noisy and clean and noisy != clean:
        raise CrispimError(
            f"--noisy is given {noisy} times and --clean {clean} times; "
            "give one --noisy for each --clean, or none."
        )


def open_noisy_stack(noisy: Source, recipe: Recipe) -> TrainingStack:
    """Check that a noisy stack fits a blind recipe, and measure its noise.

    Parameters
    ----------
    noisy : Source
        Planes with noise.
    recipe : Recipe
        What they are to be used for.

    Returns
    -------
    TrainingStack
        The stack, ready to draw from.

    Raises
    ------
    CrispimError
        If planes are too small, or their noise can't be measured.
    """
    stack = open_stack(noisy, None, recipe)
    return replace(stack, noise=calibrate(noisy, CalibrationSettings()))
