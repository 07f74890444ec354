"""What a run tells of its course: history, samples and TensorBoard's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crispim_ij.training.events import forget_events, open_events, write_picture, write_scalars
from crispim_ij.training.history import Record, plot_history, read_history, write_history
from crispim_ij.training.patches import TrainingStack, sample_batch
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.samples import as_png, draw_samples, forget_samples, write_samples
from crispim_ij.training.settings import RunSettings

if TYPE_CHECKING:
    import keras

HISTORY_FILE = "history.csv"
PICTURE_FILE = "history.png"
EVENTS_FOLDER = "tensorboard"


class Journal:
    """The journal of a run, in its folder.

    Made at the start of a run or where it goes on: what was told of later steps, which
    are trained again, is forgotten.

    Parameters
    ----------
    folder : Path
        The model folder.
    recipe : Recipe
        What is trained.
    settings : RunSettings
        What is told.
    stacks : sequence of TrainingStack
        Samples are cut from them.
    done : int
        Steps done.

    Attributes
    ----------
    records : list of Record
        The history.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        settings: RunSettings,
        stacks: Sequence[TrainingStack],
        done: int,
    ) -> None:
        self._folder, self._recipe = folder, recipe
        read = read_history(folder / HISTORY_FILE) if done else []
        self.records = [record for record in read if record.step <= done]
        forget_samples(folder, done)
        forget_events(folder / EVENTS_FOLDER, done)
        self._events = open_events(folder / EVENTS_FOLDER) if settings.tensorboard else None
        every = settings.sample_every
        self._sample_every = max(recipe.steps // 10, 1) if every is None else every
        self._samples = sample_batch(stacks, recipe) if self._sample_every else None

    def add(self, record: Record) -> None:
        """Add a line to the history."""
        self.records.append(record)
        write_history(self.records, self._folder / HISTORY_FILE)
        if self._events is not None:
            write_scalars(self._events, record)

    def sample(self, network: keras.Model, done: int, *, last: bool) -> None:
        """Picture what the network makes of the samples, if it is time to."""
        if self._samples is None or not (last or done % self._sample_every == 0):
            return
        unit = self._recipe.unit
        target = "noisy target" if self._recipe.is_blind else "clean"
        png = as_png(draw_samples(network, *self._samples, done, target=target, unit=unit))
        write_samples(self._folder, png, done)
        if self._events is not None:
            write_picture(self._events, png, done)

    def plot(self) -> None:
        """Draw the history."""
        plot_history(self.records, self._folder / PICTURE_FILE, self._recipe.unit)

    @property
    def validations_since_best(self) -> int:
        """How many validations ago the loss was lowest; 0 is the newest."""
        losses = [record.validation_loss for record in self.records]
        return len(losses) - 1 - losses.index(min(losses))

    @property
    def is_stuck(self) -> bool:
        """Whether the loss has not fallen for as many validations as the recipe's patience."""
        if not (self._recipe.patience and self.records):
            return False
        return self.validations_since_best >= self._recipe.patience
