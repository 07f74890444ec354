"""What a run tells of its course: history, pictures of samples, TensorBoard's files."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.risk import noise_in_pairs, own_noise, root
from crispim_ij.planes.atomic import make_folders, whole_file, write_csv
from crispim_ij.training.checkpoints import HISTORY_FILE
from crispim_ij.training.patches import (
    Patch,
    middle,
    sample_batch,
    sample_pairs,
    validation_strength,
)
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.stacks import TrainingStack

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_FILE = "history.png"
SAMPLES_FOLDER = "samples"
EVENTS_FOLDER = "tensorboard"

SECONDS_BETWEEN_PICTURES = 10.0
"""Of the history: to draw it takes as long as many steps of a small run."""


@dataclass(frozen=True)
class HistoryEntry:
    """One line of the history.

    Attributes
    ----------
    step : int
        Steps done; 0 for what a run that keeps the best begins with.
    loss, validation_loss : float
        Mean squared error in counts squared, or in units of the noise, squared, where the
        network is told that: over the steps since the last line, and of the validation batch.
        For a blind recipe it is estimated against clean planes that nobody has (see
        `crispim_ij.noise.risk`), where there is noise, and may be below 0 by chance.
    learning_rate : float
        Adam's rate at this step.
    seconds, waited : float
        Time since the last line, and how much of it the loop waited for batches: a
        processor that is kept busy has next to none of that.
    """

    step: int
    loss: float
    validation_loss: float
    learning_rate: float
    seconds: float
    waited: float

    @property
    def error(self) -> float:
        """Root mean square error of the validation batch, in counts or units of the noise."""
        return root(self.validation_loss)

    @property
    def is_below_zero(self) -> bool:
        """Whether the error was estimated below 0, as where noise is weaker than was measured."""
        return self.validation_loss < 0


class TrainingLog:
    """The log of a run, in its folder, with its `history`.

    Made at the start of a run or where it is resumed, after `done` steps: what was told of later
    steps, which are trained again, is removed. Samples are pictured every so many steps: 0 never,
    None a tenth of the recipe's.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        stacks: Sequence[TrainingStack],
        done: int,
        *,
        sample_every: int | None,
        tensorboard: bool,
    ) -> None:
        self._folder, self._recipe = folder, recipe
        read = read_history(folder / HISTORY_FILE) if done else []
        self.history = [entry for entry in read if entry.step <= done]
        remove_samples(folder, done)
        remove_events(folder / EVENTS_FOLDER, done)
        self._events = open_events(folder / EVENTS_FOLDER) if tensorboard else None
        self._sample_every = max(recipe.steps // 10, 1) if sample_every is None else sample_every
        draw = sample_pairs if recipe.is_blind else sample_batch
        self._samples = draw(stacks, recipe) if self._sample_every else None
        self._drawn = -math.inf

    def add(self, entry: HistoryEntry) -> None:
        """Add a line to the history."""
        self.history.append(entry)
        write_csv(self.history, self._folder / HISTORY_FILE)
        if self._events is not None:
            write_scalars(self._events, entry)

    def sample(self, network: keras.Model, done: int, *, last: bool) -> None:
        """Picture what the network makes of the samples, if it is time to."""
        if self._samples is None or not (last or done % self._sample_every == 0):
            return
        recipe = self._recipe
        if recipe.is_blind:
            strength = validation_strength(recipe)
            figure = draw_estimates(network, *self._samples, strength, done, unit=recipe.unit)
        else:
            figure = draw_samples(network, *self._samples, done, unit=recipe.unit)
        png = as_png(figure)
        write_samples(self._folder, png, done)
        if self._events is not None:
            write_picture(self._events, png, done)

    def plot(self, *, last: bool) -> None:
        """Draw the history, if it is time to."""
        now = monotonic()
        if not self.history or not (last or now >= self._drawn + SECONDS_BETWEEN_PICTURES):
            return
        self._drawn = now
        plot_history(self.history, self._folder / PICTURE_FILE, self._recipe)

    @property
    def validations_since_best(self) -> int:
        """How many validations ago the loss was lowest; 0 is the newest."""
        losses = [entry.validation_loss for entry in self.history]
        return len(losses) - 1 - losses.index(min(losses))

    @property
    def is_stuck(self) -> bool:
        """Whether the loss has not fallen for as many validations as the recipe's patience."""
        if not (self._recipe.patience and self.history):
            return False
        return self.validations_since_best >= self._recipe.patience


def read_history(path: Path) -> list[HistoryEntry]:
    """Read a history from CSV; an empty one if there is no such file."""
    if not path.exists():
        return []
    numbers = [field.name for field in fields(HistoryEntry)][1:]
    with path.open(newline="", encoding="utf-8") as stream:
        return [
            HistoryEntry(int(row["step"]), *(float(row[name]) for name in numbers))
            for row in csv.DictReader(stream)
        ]


def share_waited(history: Sequence[HistoryEntry]) -> float:
    """Return the share of a run's time, from 0 to 1, that it waited for batches."""
    return sum(entry.waited for entry in history) / sum(entry.seconds for entry in history)


def plot_history(history: Sequence[HistoryEntry], path: Path, recipe: Recipe) -> None:
    """Write the root mean square errors over the steps as PNG."""
    figure = draw_history(history, recipe)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=150)


def draw_history(history: Sequence[HistoryEntry], recipe: Recipe) -> Figure:
    """Draw the root mean square errors over the steps."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    steps = [entry.step for entry in history]
    # A line of one point would not be seen.
    marker = "o" if len(history) == 1 else None
    training, validation = ([root(r.loss) for r in history], [r.error for r in history])
    axes.plot(steps, training, label="training", lw=1, marker=marker)
    axes.plot(steps, validation, label="validation", lw=1.5, marker=marker)
    what = "estimated RMSE" if recipe.is_blind else "RMSE"
    axes.set(xlabel="step", ylabel=f"{what} ({recipe.unit})", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))  # labels of all nine would overlap
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    return figure


def draw_samples(
    network: keras.Model, noisy: Patch, clean: Patch, step: int, *, unit: str = "counts"
) -> Figure:
    """Draw a batch before and after the network, a row each: noisy, predicted, clean.

    Of a mini-stack the plane is shown that the network is to predict. `unit` is what errors are
    counted in.
    """
    figure, grid = _grid(len(clean), f"step {step}")
    shown = middle(noisy, clean)
    for axes, *row in zip(grid, shown, _predicted(network, noisy), clean, strict=True):
        patches = [patch[..., 0] for patch in row]
        errors = [float(np.sqrt(np.mean((patch - patches[2]) ** 2))) for patch in patches[:2]]
        names = [
            f"{name}, RMSE {error:.3g} {unit}"
            for name, error in zip(("noisy", "predicted"), errors, strict=True)
        ]
        _draw_row(axes, patches, [*names, "clean"])
    return figure


def draw_estimates(
    network: keras.Model, given: Patch, target: Patch, strength: float, step: int, *, unit: str
) -> Figure:
    """Draw noisy patches before and after the network, and what it removes, a row each.

    `given` and `target` are two pairs a patch, of opposite noise, see `sample_pairs`; `strength` is
    that of `crispim_ij.noise.risk`, by which the errors in the titles are estimated, in `unit`.
    """
    figure, grid = _grid(len(given) // 2, f"step {step}, estimated RMSE ({unit})")
    centres, predicted = middle(given, target), _predicted(network, given)
    for k, axes in enumerate(grid):
        pair = slice(2 * k, 2 * k + 2)
        noise = noise_in_pairs(centres[pair], target[pair], strength)
        found = np.mean((np.stack(predicted[pair]) - target[pair]) ** 2) - noise
        before = root(own_noise(noise, strength))
        noisy, denoised = (np.mean(side[pair], axis=0)[..., 0] for side in (centres, predicted))
        names = [f"noisy: {before:.3g}", f"denoised: {root(float(found)):.3g}"]
        _draw_row(axes, [noisy, denoised, noisy - denoised], [*names, "removed"], removed=True)
    return figure


def _grid(rows: int, title: str) -> tuple[Figure, NDArray[Any]]:
    """Begin a picture of rows of three."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.4 + 2.75 * rows), layout="constrained")
    figure.suptitle(title)
    return figure, figure.subplots(rows, 3, squeeze=False)


def _predicted(network: keras.Model, noisy: Patch) -> list[Patch]:
    """Apply the network one by one: a batch of mini-stacks may need more memory than training."""
    return [np.asarray(network(noisy[k : k + 1], training=False))[0] for k in range(len(noisy))]


def as_png(figure: Figure) -> bytes:
    """Return a picture as the content of a PNG file."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()


def write_samples(folder: Path, png: bytes, step: int) -> None:
    """Write a picture into the samples of a model folder."""
    make_folders(folder / SAMPLES_FOLDER)
    with whole_file(folder / SAMPLES_FOLDER / f"step-{step:06}.png") as part:
        part.write_bytes(png)


def remove_samples(folder: Path, done: int) -> None:
    """Remove the pictures of steps beyond `done`, which are trained again."""
    for file in (folder / SAMPLES_FOLDER).glob("step-*.png"):
        step = file.stem.removeprefix("step-")
        if step.isdigit() and int(step) > done:
            file.unlink()


def _draw_row(
    axes: Sequence[Axes], row: Sequence[Patch], names: Sequence[str], *, removed: bool = False
) -> None:
    """Show patches on the range of the noisy one, but what was `removed` around 0."""
    low, high = np.percentile(row[0], (0.5, 99))
    ranges = [(low, high)] * 3
    if removed:
        ranges[2] = (-(high - low) / 2, (high - low) / 2)
    for axis, name, patch, (black, white) in zip(axes, names, row, ranges, strict=True):
        axis.imshow(patch, cmap="gray", vmin=black, vmax=white)
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()


def remove_events(folder: Path, done: int) -> None:
    """Remove what TensorBoard's files hold of steps beyond `done`, which are trained again."""
    for file in sorted(folder.glob("events.out.tfevents.*")):
        _remove_later(file, done)


def _remove_later(file: Path, done: int) -> None:
    import tensorflow as tf

    earlier: list[bytes] = []
    # The last entry of a run that was killed may be cut off.
    with suppress(tf.errors.DataLossError):
        earlier.extend(
            entry
            for entry in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
            if tf.compat.v1.Event.FromString(entry).step <= done
        )
    if len(earlier) <= 1:  # Each file begins with its version.
        file.unlink()
        return
    with whole_file(file) as part, tf.io.TFRecordWriter(str(part)) as writer:
        for entry in earlier:
            writer.write(entry)


def open_events(folder: Path) -> tf.summary.SummaryWriter:
    """Begin a new file in `folder`; TensorBoard reads all of them as one run."""
    import tensorflow as tf

    make_folders(folder)
    return tf.summary.create_file_writer(str(folder))


def write_scalars(writer: tf.summary.SummaryWriter, entry: HistoryEntry) -> None:
    """Write a line of the history, one curve a column."""
    import tensorflow as tf

    curves = {
        "loss/training": entry.loss,
        "loss/validation": entry.validation_loss,
        "learning_rate": entry.learning_rate,
        "share_of_time_waited_for_data": entry.waited / entry.seconds,
    }
    with writer.as_default(entry.step):
        for name, value in curves.items():
            tf.summary.scalar(name, value)
    writer.flush()


def write_picture(writer: tf.summary.SummaryWriter, png: bytes, step: int) -> None:
    """Write the picture of the samples."""
    import tensorflow as tf

    with writer.as_default(step):
        tf.summary.image("samples", tf.io.decode_png(png, channels=3)[tf.newaxis])
    writer.flush()
