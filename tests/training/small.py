"""A small recipe, and what tests do with its runs; also for processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from crispim_ij.models import Model
from crispim_ij.training import Recipe, RunSettings
from crispim_ij.training.log import HistoryEntry, read_history

RECIPE = Recipe(
    name="small",
    architecture="residual-2d",
    steps=8,
    batch=2,
    patch=32,
    validate_every=2,
    checkpoint_every=4,
    validation_batch=2,
)

QUIET = RunSettings(sample_every=0)


def ignore(done: int, newest: HistoryEntry | None) -> None:
    """Watch a run without doing anything."""


def interrupt_at(step: int) -> Callable[[int, HistoryEntry | None], None]:
    """Stop a run after a step, as Ctrl-C does."""

    def on_step(done: int, newest: HistoryEntry | None) -> None:
        if done == step:
            raise KeyboardInterrupt

    return on_step


def steps_told(folder: Path) -> list[int]:
    """Return the steps in the history of a model folder."""
    return [record.step for record in read_history(folder / "history.csv")]


def assert_same_weights(ours: Model, theirs: Model) -> None:
    """Compare two models bit for bit."""
    pairs = zip(ours.network().get_weights(), theirs.network().get_weights(), strict=True)
    for mine, yours in pairs:
        np.testing.assert_array_equal(mine, yours)
