"""What `crispim-ij train` and `models train-shipped` do once they know how."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from crispim_ij.cli.console import console, errors, progress_bar, start_tensorflow
from crispim_ij.errors import RunInterruptedError

if TYPE_CHECKING:
    from crispim_ij.training import Recipe, TrainingStack
    from crispim_ij.training.history import Record
    from crispim_ij.training.settings import RunSettings

STARVING = 0.05
"""Share of the time that a run may wait for data without a hint."""


class Data(NamedTuple):
    """Folders and stacks to train on, see the options of `train`."""

    clean: tuple[Path, ...]
    noisy: tuple[Path, ...] = ()


def train_model(
    folder: Path,
    data: Data,
    recipe: Recipe,
    settings: RunSettings,
    start_from: str | None,
    *,
    resume: bool,
) -> dict[str, Any]:
    """Train with a bar on the screen; return what came of it, JSON-ready."""
    from crispim_ij.jobs.output import planes_facts

    started = perf_counter()
    with ExitStack() as opened:
        stacks = _open_stacks(data, recipe, opened)
        _tell_noise(stacks)
        start_tensorflow()
        _train(stacks, recipe, settings, folder, start_from, resume=resume)
        inputs = [planes_facts(stack.clean) for stack in stacks]
    return {
        "inputs": inputs,
        "recipe": recipe.name,
        "model": str(folder),
        **_course(folder),
        "seconds": perf_counter() - started,
    }


def try_model(
    folder: Path,
    data: Data,
    recipe: Recipe,
    settings: RunSettings,
    start_from: str | None,
    *,
    resume: bool,
) -> dict[str, Any]:
    """Do all of `train_model` that writes nothing; return what the rest would do, JSON-ready."""
    from crispim_ij.jobs.output import free_bytes, planes_facts

    with ExitStack() as opened:
        stacks = _open_stacks(data, recipe, opened)
        _tell_noise(stacks)
        start_tensorflow()
        from crispim_ij.models import find_model
        from crispim_ij.training import check_run

        start = find_model(start_from) if start_from else None
        weights = check_run(
            stacks, recipe, folder, settings=settings, start_from=start, resume=resume
        ).count_params()
        inputs = [planes_facts(stack.clean) for stack in stacks]
    needed = _model_bytes(weights, recipe)
    model = {"path": str(folder), "bytes": needed, "free": free_bytes(folder)}
    return {
        "inputs": inputs,
        "outputs": [model],
        "recipe": recipe.name,
        "network": {"architecture": recipe.architecture, "weights": weights},
        "steps": recipe.steps,
        "batch": recipe.batch,
        "patch": recipe.patch,
    }


def _model_bytes(weights: int, recipe: Recipe) -> int:
    """Return what weights and checkpoints need at most."""
    # Adam's two moments, and an average of the weights. One is written beside the one before.
    checkpoint = 3 + bool(recipe.average)
    return 4 * weights * (1 + checkpoint * (2 + (recipe.keep == "best")))


def _open_stacks(data: Data, recipe: Recipe, opened: ExitStack) -> list[TrainingStack]:
    from crispim_ij.planes import open_source
    from crispim_ij.training import open_noisy_stack, open_stack

    if recipe.is_blind:
        return [
            open_noisy_stack(opened.enter_context(open_source(path)), recipe) for path in data.noisy
        ]
    return [
        open_stack(
            opened.enter_context(open_source(with_clean)),
            opened.enter_context(open_source(with_noisy)) if with_noisy else None,
            recipe,
        )
        for with_clean, with_noisy in zip_longest(data.clean, data.noisy)
    ]


def _tell_noise(stacks: list[TrainingStack]) -> None:
    """Say what noise was measured for a blind recipe, and whether it suits that."""
    import numpy as np

    for stack in stacks:
        if stack.noise is None:
            continue
        light = np.array([stack.black, stack.black + stack.span])
        dark, bright = np.sqrt(stack.noise.camera.variance(light))
        errors.print(
            f"{stack.clean.path.name}: noise of sd {dark:.1f} counts where it is dark, "
            f"{bright:.1f} where it is bright",
            soft_wrap=True,
        )
        if stack.noise.is_correlated:
            errors.print(
                "[yellow]Neighbouring pixels share their noise, of which the blind recipe removes "
                "little: give planes as the camera took them, neither resized nor filtered.",
                soft_wrap=True,
            )


def _train(
    stacks: list[TrainingStack],
    recipe: Recipe,
    settings: RunSettings,
    folder: Path,
    start_from: str | None,
    *,
    resume: bool,
) -> None:
    from crispim_ij.models import find_model
    from crispim_ij.training import train as train_network

    start = find_model(start_from) if start_from else None
    with progress_bar("training", recipe.steps, "steps") as bar, stop_after_step() as stopped:

        def show(done: int, newest: Record | None) -> None:
            against = " from noisy targets" if recipe.is_blind else ""
            error = newest.validation_loss**0.5 if newest else 0
            rmse = f", RMSE {error:.3g} {recipe.unit}{against}" if newest else ""
            bar.update(bar.task_ids[0], completed=done, description=f"training{rmse}")
            if stopped.is_set():
                raise KeyboardInterrupt

        try:
            train_network(
                stacks,
                recipe,
                folder,
                settings=settings,
                start_from=start,
                resume=resume,
                on_step=show,
            )
        except KeyboardInterrupt:
            raise RunInterruptedError(
                f"Training was interrupted; the same command with --resume goes on from the "
                f"last checkpoint in {folder}."
            ) from None


def _course(folder: Path) -> dict[str, Any]:
    """Return where training ended, and whether the processor or the GPU was kept busy."""
    from crispim_ij.training.history import read_history, share_waited
    from crispim_ij.training.journal import HISTORY_FILE

    history = read_history(folder / HISTORY_FILE)
    return {
        "steps": history[-1].step,
        "rmse": history[-1].loss ** 0.5,
        "validation rmse": history[-1].validation_loss ** 0.5,
        "waited": share_waited(history),
    }


def print_trained(facts: dict[str, Any]) -> None:
    """Say what came of a training run, for people."""
    console.print(f"Model written to {facts['model']}", soft_wrap=True)
    share = facts["waited"]
    remedy = "; more --workers or a larger --cache may help" if share > STARVING else ""
    console.print(f"The network waited for data in {share:.1%} of the time{remedy}.")


@contextmanager
def stop_after_step() -> Iterator[threading.Event]:
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
