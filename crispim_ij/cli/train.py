"""`crispim-ij train`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.console import console, progress_bar, start_tensorflow
from crispim_ij.cli.options import Overwrite, PrecisionName, parse_noise_sd
from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from crispim_ij.training import Recipe, TrainingStack
    from crispim_ij.training.history import Record


def train(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder to write.")],
    clean: Annotated[
        list[Path],
        typer.Option(help="Folder or stack of clean planes. Give it once for each stack."),
    ],
    noisy: Annotated[
        list[Path] | None,
        typer.Option(
            help="The same planes with noise, in the order of --clean. "
            "Without it noise is drawn on the fly."
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Where the settings come from: paper-2d, paper-3d, crispim-2d, a .toml file of "
            "your own, or the recipe.json of a model.",
        ),
    ] = "crispim-2d",
    start_from: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Begin with the weights of this model, to adapt it."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Batches to train on. [default: the recipe's]")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Patches in a batch. [default: the recipe's]")
    ] = None,
    patch: Annotated[
        int | None, typer.Option(help="Side of a patch, in px. [default: the recipe's]")
    ] = None,
    noise_sd: Annotated[
        str | None,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the drawn noise, in counts. [default: the recipe's]",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate. [default: the recipe's]")
    ] = None,
    precision: Annotated[
        PrecisionName | None,
        typer.Option(help="Arithmetic of the convolutions. [default: the recipe's]"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Decides the first weights and every patch. [default: the recipe's]"),
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between checkpoints. [default: the recipe's]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on clean planes.

    The model folder holds the weights, their description, the recipe, and the history
    as CSV and PNG. A run that was stopped goes on with --resume and the same options.
    """
    from crispim_ij.training import load_recipe

    given = {
        "steps": steps,
        "batch": batch,
        "patch": patch,
        "noise_sd": parse_noise_sd(noise_sd) if noise_sd else None,
        "learning_rate": learning_rate,
        "precision": precision.value if precision else None,
        "seed": seed,
        "checkpoint_every": checkpoint_every,
    }
    chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    settings = replace(load_recipe(recipe), **chosen)
    _refuse_model(model, resume=resume, overwrite=overwrite)
    with ExitStack() as opened:
        stacks = _open_stacks(clean, noisy or [], settings, opened)
        start_tensorflow()
        _train(stacks, settings, model, start_from, resume=resume)


def _refuse_model(folder: Path, *, resume: bool, overwrite: bool) -> None:
    from crispim_ij.models.spec import SPEC_FILE
    from crispim_ij.training.checkpoint import CHECKPOINT_FILE

    if overwrite or resume:
        return
    for name, remedy in ((SPEC_FILE, ""), (CHECKPOINT_FILE, "--resume to go on with it, or ")):
        if (folder / name).exists():
            raise CrispimError(
                f"{folder / name} is there already; give {remedy}--overwrite to replace it."
            )


def _open_stacks(
    clean: list[Path], noisy: list[Path], recipe: Recipe, opened: ExitStack
) -> list[TrainingStack]:
    from crispim_ij.planes import open_source
    from crispim_ij.training import open_stack

    if noisy and len(noisy) != len(clean):
        raise CrispimError(
            f"--noisy is given {len(noisy)} times and --clean {len(clean)} times; "
            "give one --noisy for each --clean, or none."
        )
    return [
        open_stack(
            opened.enter_context(open_source(with_clean)),
            opened.enter_context(open_source(with_noisy)) if with_noisy else None,
            recipe,
        )
        for with_clean, with_noisy in zip_longest(clean, noisy)
    ]


def _train(
    stacks: list[TrainingStack],
    recipe: Recipe,
    folder: Path,
    start_from: str | None,
    *,
    resume: bool,
) -> None:
    from crispim_ij.models import find_model
    from crispim_ij.training import train as train_network

    start = find_model(start_from) if start_from else None
    with progress_bar("training", recipe.steps, "steps") as bar, _stop_after_step() as stopped:

        def show(done: int, newest: Record | None) -> None:
            rmse = f", RMSE {newest.validation_loss**0.5:.2f} counts" if newest else ""
            bar.update(bar.task_ids[0], completed=done, description=f"training{rmse}")
            if stopped.is_set():
                raise KeyboardInterrupt

        try:
            model = train_network(
                stacks, recipe, folder, start_from=start, resume=resume, on_step=show
            )
        except KeyboardInterrupt:
            raise CrispimError(
                f"Training was interrupted; the same command with --resume goes on from the "
                f"last checkpoint in {folder}."
            ) from None
    console.print(f"Model written to {model.folder}", soft_wrap=True)


@contextmanager
def _stop_after_step() -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for an end after the step, and a second one end at once."""
    stopped = threading.Event()

    def ask(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
