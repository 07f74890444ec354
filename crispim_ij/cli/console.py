"""What every command prints in the same way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.text import Text

from crispim_ij.planes import Sink
from crispim_ij.planes.atomic import json_ready
from crispim_ij.quiet import start_tensorflow as start_quietly

UNBROKEN = 1000
"""Columns where the output goes to a file or another program, which no line break helps."""

LINE_EVERY = 60.0
"""Seconds between lines about a run where no bar can be shown."""

# Text is printed as it is: names may have brackets, which markup takes for styles, and a camera is
# written as '2.1:100:1.4', of which emoji would make a picture.
console = Console(
    highlight=False, emoji=False, markup=False, width=None if sys.stdout.isatty() else UNBROKEN
)
errors = Console(stderr=True, highlight=False, emoji=False, markup=False)


def start_tensorflow() -> None:
    """Import what computes, in the least time, and show that this is what takes seconds."""
    with waiting("starting TensorFlow"):
        start_quietly(bare=True)


def say(line: str | Text) -> None:
    """Print a line of a result as it is; what a terminal itself breaks can be copied whole."""
    console.print(line, soft_wrap=True)


def log(line: str | Text) -> None:
    """Print a line about a run, on standard error, as it is."""
    errors.print(line, soft_wrap=True)


def warn(line: str) -> None:
    """Print what makes a result doubtful, on standard error, as it is."""
    errors.print(line, style="yellow", soft_wrap=True)


def report_error(sentence: str) -> None:
    """Print a fault for people, on standard error, if there is anything to be said."""
    if sentence:
        log(Text.assemble(("Error: ", "bold red"), sentence))


def print_json(facts: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a result for scripts."""
    console.print_json(data=json_ready(facts), allow_nan=False)


@contextmanager
def saying_what_is_kept(*sinks: Sink) -> Iterator[None]:
    """Say that a run that fails or is stopped can be resumed."""
    try:
        yield
    except BaseException:
        for sink in sinks:
            if sink.finished_cells:
                say_kept(sink.path)
        raise


def say_kept(output: Path) -> None:
    """Say that what a run has finished is there for the next one."""
    log(f"What is finished of {output} is kept: --resume continues it.")


class RateColumn(ProgressColumn):
    """Speed in units a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Show the speed of a task, once it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.2f} {self.unit}/s")


@contextmanager
def progress_bar(what: str, total: int, unit: str) -> Iterator[Progress]:
    """Show count, speed in units a second and time left; the only task is 0.

    A log file gets a line a minute.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        progress.add_task(what, total=total)

        def so_far() -> str:
            task = progress.tasks[0]
            left = "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
            done = int(task.completed + 1e-6)  # a share of a plane is not one
            return f"{task.description}: {done} of {task.total:.0f} {unit}{left}"

        with nullcontext() if errors.is_terminal else _lines(so_far):
            yield progress


@contextmanager
def waiting(what: str) -> Iterator[Status]:
    """Show that something is being done whose end isn't known; a log file gets a line a minute."""
    started = perf_counter()

    def so_far() -> str:
        return f"{what}: {perf_counter() - started:.0f} s so far"

    lines = nullcontext() if errors.is_terminal else _lines(so_far)
    with errors.status(Text(what)) as status, lines:
        yield status


@contextmanager
def _lines(line: Callable[[], str]) -> Iterator[None]:
    """Print a line now and then."""
    ended = Event()

    def print_lines() -> None:
        while not ended.wait(LINE_EVERY):
            log(line())

    printer = Thread(target=print_lines, daemon=True)
    printer.start()
    try:
        yield
    finally:
        ended.set()
        printer.join()
