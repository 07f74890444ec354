"""A model that guesses the noise, as those of `residual-2d` do; nobody trained it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from crispim_ij.models import Model
from crispim_ij.networks import build
from tests.made import copy_model, keep_model


def guessing_model(folder: Path, architecture: str = "residual-2d") -> Model:
    """Write one that says it was trained on noise of 10 to 60 counts."""
    return copy_model(_made(architecture), folder)


@cache
def _made(architecture: str) -> Model:
    return keep_model(build(architecture), architecture, {"recipe": {"noise_sd": [10, 60]}})
