"""Batches drawn ahead of the loop, and how long it waited for them all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from crispim_ij.prefetch import prefetch
from crispim_ij.training.patches import Patch, TrainingStack, training_batch, validation_batch
from crispim_ij.training.recipe import Recipe

Batch = tuple[Patch, Patch]


class Feed(Iterator[tuple[Batch, Batch | None]]):
    """The batches of a run's steps, in order, with a clock on whoever takes them.

    Yields, for each step, the batch to train on, and the one to validate on where the
    recipe asks for that after the step. Threads draw them ahead, so that both are there
    when they are needed.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        Drawn from.
    recipe : Recipe
        How patches are drawn, and when it is validated.
    steps : range
        Numbers of the steps, from 0.
    workers : int
        Threads; twice as many batches are held at most.
    """

    def __init__(
        self, stacks: Sequence[TrainingStack], recipe: Recipe, steps: range, *, workers: int
    ) -> None:
        def draw(step: int) -> tuple[Batch, Batch | None]:
            done = step + 1
            validates = done % recipe.validate_every == 0 or done == recipe.steps
            validation = validation_batch(stacks, recipe, done) if validates else None
            return training_batch(stacks, recipe, step), validation

        self._drawn = prefetch(draw, steps, workers=workers, ahead=2 * workers)
        self._began, self._waited = perf_counter(), 0.0

    def __next__(self) -> tuple[Batch, Batch | None]:
        asked = perf_counter()
        try:
            return next(self._drawn)
        finally:
            self._waited += perf_counter() - asked

    def lap(self) -> tuple[float, float]:
        """Return the seconds since the last lap, and how many of them were waiting."""
        seconds, waited = perf_counter() - self._began, self._waited
        self._began, self._waited = perf_counter(), 0.0
        return seconds, waited
