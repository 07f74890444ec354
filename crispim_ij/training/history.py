"""The course of a training run, as CSV and as a picture."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from crispim_ij.planes.atomic import whole_file


@dataclass(frozen=True)
class Record:
    """One line of the history.

    Attributes
    ----------
    step : int
        Steps done.
    loss, validation_loss : float
        Mean squared error in counts squared, or in units of the noise, squared, where the
        network is told that: over the steps since the last line, and of the validation batch.
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


def read_history(path: Path) -> list[Record]:
    """Read a history from CSV; an empty one if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream)
        return [
            Record(
                step=int(row["step"]),
                loss=float(row["loss"]),
                validation_loss=float(row["validation_loss"]),
                learning_rate=float(row["learning_rate"]),
                seconds=float(row["seconds"]),
                waited=float(row["waited"]),
            )
            for row in rows
        ]


def write_history(records: list[Record], path: Path) -> None:
    """Write a history as CSV, one column a field."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Record)])
        writer.writeheader()
        writer.writerows(asdict(record) for record in records)


def share_waited(records: list[Record]) -> float:
    """Return the share of a run's time, from 0 to 1, that it waited for batches."""
    return sum(record.waited for record in records) / sum(record.seconds for record in records)


def plot_history(records: list[Record], path: Path, unit: str) -> None:
    """Draw the root mean square errors over the steps, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    steps = [record.step for record in records]
    axes.plot(steps, [r.loss**0.5 for r in records], label="training", lw=1)
    axes.plot(steps, [r.validation_loss**0.5 for r in records], label="validation", lw=1.5)
    axes.set(xlabel="step", ylabel=f"RMSE ({unit})", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=150)
