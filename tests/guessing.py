"""A model that guesses the noise, as those of `residual-2d` do; nobody trained it."""

from __future__ import annotations

from pathlib import Path

from crispim_ij.models import Model, save_model
from crispim_ij.networks import build


def guessing_model(folder: Path, architecture: str = "residual-2d") -> Model:
    """Write one that says it was trained on noise of 10 to 60 counts."""
    recipe = {"recipe": {"noise_sd": [10, 60]}}
    return save_model(build(architecture), architecture, folder, recipe)
