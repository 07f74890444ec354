"""`crispim-ij train`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.console import log, print_json, progress_bar, say, warn
from crispim_ij.cli.interrupts import ending_after_step
from crispim_ij.cli.options import (
    AsJson,
    Camera,
    DryRun,
    Overwrite,
    PrecisionName,
    Resume,
    SelectionOptions,
    model_names,
    parse_noise_sd,
    recipe_names,
    refuse_two_noises,
    with_groups,
)
from crispim_ij.cli.outcome import print_dry_run, say_problems
from crispim_ij.noise import read_camera
from crispim_ij.noise.risk import root
from crispim_ij.planes import free_space
from crispim_ij.training import (
    Recipe,
    RunSettings,
    TrainingJob,
    TrainingStack,
    changed_recipe,
    check_data,
    check_place,
    check_training,
    load_recipe,
    run_training,
)
from crispim_ij.training.log import HistoryEntry, share_waited

if TYPE_CHECKING:
    from crispim_ij.training.job import Checked, Trained

STARVING = 0.05
"""Share of the time that a run may wait for data without a hint."""


@with_groups
def train(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder to write.")],
    *,
    clean: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STACK",
            help="Folder or stack of clean planes. Give it once for each stack. "
            "[default: none, which is for --recipe blind]",
        ),
    ] = None,
    noisy: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STACK",
            help="The same planes with noise, in the order of --clean. For --recipe blind: your "
            "noisy planes. [default: noise is drawn while training]",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Where the settings come from: crispim-2d, crispim-2d-fast, crispim-3d, blind, "
            "paper-2d, paper-3d, a .toml file of your own, or the recipe.json of a model.",
            autocompletion=recipe_names,
        ),
    ] = "crispim-2d",
    start_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Begin with the weights of this model. [default: random weights]",
            autocompletion=model_names,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Learn from what this model makes of the planes as much as from the clean ones: "
            "for a smaller network. [default: from the clean planes alone]",
            autocompletion=model_names,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="Batches to train on. [default: the recipe's]"),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="Patches in a batch. [default: the recipe's]"),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Side of a patch, in px. [default: the recipe's]"),
    ] = None,
    noise_sd: Annotated[
        str | None,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the drawn noise, in counts, for recipes whose network "
            "guesses the noise. [default: the recipe's]",
        ),
    ] = None,
    camera: Camera = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Peak of the learning rate, a number without unit. [default: the recipe's]",
        ),
    ] = None,
    precision: Annotated[
        PrecisionName | None,
        typer.Option(
            help="Arithmetic of the convolutions; bfloat16 is faster, less exact. "
            "[default: the recipe's]"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="SEED",
            help="Whole number that decides the first weights and every patch. "
            "[default: the recipe's]",
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(metavar="STEPS", help="Steps between checkpoints. [default: the recipe's]"),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            help="GPUs that share each batch in equal parts. "
            "[default: as many as divide the batch]",
        ),
    ] = None,
    sample_every: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            help="Steps between pictures of samples (noisy, predicted, clean); 0 for none. "
            "[default: a tenth of the steps]",
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write MODEL/tensorboard, for TensorBoard to show."),
    ] = False,
    workers: Annotated[
        int, typer.Option(metavar="COUNT", help="Threads that draw batches ahead.")
    ] = RunSettings.workers,
    cache: Annotated[
        float,
        typer.Option(metavar="GB", help="Memory, in GB, for planes that are read again."),
    ] = RunSettings.cache,
    selection: SelectionOptions,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train a network on clean planes or, by --recipe blind, on noisy planes alone.

    Each channel of a stack is learned from as a stack of its own. The model folder holds the
    weights, their description, the recipe, and the history as CSV and PNG. A run that was stopped
    is resumed by --resume and the same options.

    Example: `crispim-ij train my-model/ --clean brain1/ --clean brain2.tif`
    """
    changes: dict[str, Any] = {
        "steps": steps,
        "batch": batch,
        "patch": patch,
        "learning_rate": learning_rate,
        "precision": precision.value if precision else None,
        "seed": seed,
        "checkpoint_every": checkpoint_every,
    }
    refuse_two_noises(camera=camera, noise_sd=noise_sd)
    refuse_two_noises(camera=camera, noisy=noisy)
    chosen = changed_recipe(
        _load_recipe(recipe),
        changes,
        camera=read_camera(camera) if camera else None,
        noise_sd=parse_noise_sd(noise_sd) if noise_sd else None,
    )
    check_data(chosen, clean=len(clean or []), noisy=len(noisy or []))
    settings = RunSettings(devices, sample_every, tensorboard, workers, cache)
    check_place(model, resume=resume, overwrite=overwrite)
    job = TrainingJob(
        model,
        chosen,
        tuple(clean or []),
        tuple(noisy or []),
        settings,
        start_from,
        teacher,
        resume,
        selection.selection(),
    )
    if dry_run:
        checked = check_training(job, on_stacks=_tell_noise)
        print_dry_run(_dry_facts(job, checked), as_json=as_json)
        return
    started = perf_counter()
    trained = train_with_bar(job)
    if as_json:
        print_json({**_facts(job, trained), "seconds": perf_counter() - started})
    else:
        print_trained(trained)


def _load_recipe(name: str) -> Recipe:
    """Load a recipe, and say which of its keys have other names now."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FutureWarning)
        recipe = load_recipe(name)
    say_problems([str(one.message) for one in caught])
    return recipe


def train_with_bar(job: TrainingJob, remedy: str = "the same command with --resume") -> Trained:
    """Train with a bar on the screen, until Ctrl-C, after which the remedy continues."""
    recipe = job.recipe
    what = "estimated error" if recipe.is_blind else "RMSE"
    with (
        progress_bar("training", recipe.steps, "steps") as bar,
        ending_after_step("Training", job.folder, remedy) as check_interrupt,
    ):

        def show(done: int, newest: HistoryEntry | None) -> None:
            rmse = f", {what} {newest.error:.3g} {recipe.unit}" if newest else ""
            bar.update(bar.task_ids[0], completed=done, description=f"training{rmse}")
            check_interrupt()

        return run_training(job, on_stacks=_tell_noise, on_step=show)


def _tell_noise(stacks: Sequence[TrainingStack]) -> None:
    """Say what must be known of the files, and for a blind recipe, what noise was measured."""
    import numpy as np

    for stack in stacks:
        say_problems(stack.notes)
        if stack.noise is None:
            continue
        light = np.array([stack.black, stack.black + stack.span])
        dark, bright = np.sqrt(stack.noise.camera.variance(light))
        channel = f", {stack.channel}" if stack.channel else ""
        says = f"{dark:.3g} counts"
        if stack.noise.camera.gain:
            says += f" dark, {bright:.3g} bright"
        log(f"{stack.clean.path.name}{channel}: noise of sd {says}")
        if stack.noise.is_correlated:
            says = (
                ", of which this recipe removes little: give planes as the camera took them, "
                "neither resized nor filtered, or take the recipe blind."
                if stack.noise.grain is None
                else ": noise of the same grain is learnt from."
            )
            warn(f"Neighbouring pixels share their noise{says}")


def _dry_facts(job: TrainingJob, checked: Checked) -> dict[str, Any]:
    """Say what a run would do, for scripts."""
    from crispim_ij.jobs.output import planes_facts

    output = {"path": str(job.folder), "bytes": checked.bytes, "free": free_space(job.folder)}
    recipe = job.recipe
    return {
        "inputs": [planes_facts(stack.clean) for stack in checked.stacks],
        "notes": [note for stack in checked.stacks for note in stack.notes],
        "outputs": [output],
        "recipe": recipe.name,
        "network": {"architecture": recipe.architecture, "weights": checked.parameters},
        "steps": recipe.steps,
        "batch": recipe.batch,
        "patch": recipe.patch,
        "seconds": checked.seconds,
        "dry run": True,
    }


def _facts(job: TrainingJob, trained: Trained) -> dict[str, Any]:
    """Say what came of a run, for scripts."""
    from crispim_ij.jobs.output import planes_facts

    last = trained.history[-1]
    return {
        "inputs": [planes_facts(stack.clean) for stack in trained.stacks],
        "notes": [note for stack in trained.stacks for note in stack.notes],
        "recipe": job.recipe.name,
        "model": str(job.folder),
        "steps": last.step,
        "rmse": root(last.loss),
        "validation rmse": last.error,
        "noise": trained.noise,
        "problems": list(trained.problems),
        "waited": share_waited(trained.history),
    }


def print_trained(trained: Trained) -> None:
    """Say what came of a run, for people, and whether the processor or the GPU was kept busy."""
    say(f"Model written to {trained.model.folder}")
    say_problems(trained.problems)
    share = share_waited(trained.history)
    remedy = "; more --workers or a larger --cache may help" if share > STARVING else ""
    say(f"The network waited for data in {share:.1%} of the time{remedy}.")
