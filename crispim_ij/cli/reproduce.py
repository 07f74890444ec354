"""`crispim-ij reproduce`."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import filesize

from crispim_ij.cli.console import console, log, progress_bar, say, start_tensorflow, waiting
from crispim_ij.cli.options import DryRun, Overwrite, Resume, refuse_both
from crispim_ij.errors import CrispimError, RunInterruptedError
from crispim_ij.planes import free_space

if TYPE_CHECKING:
    from crispim_ij.reproduction import (
        Advance,
        Cost,
        Offer,
        Reproduction,
        ReproductionPlan,
        ReproductionSettings,
        RunDirectory,
    )
    from crispim_ij.training import Recipe


class FactorName(StrEnum):
    """By how much planes can be made to shrink."""

    auto = "auto"
    one = "1"
    paper = "4"


def reproduce(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...",
            help="Clean stacks: a folder of them, or several stacks. A stack is a TIFF file, a "
            "folder of TIFF or PNG planes or an OME-Zarr.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Folder for stacks, models and report.", show_default=False
        ),
    ],
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Train for minutes only; the report says what that changes."),
    ] = False,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="STACK",
            help="Name or path of the stack to test on, which is not trained on. [default: the "
            "one with the least noise of its own among the long ones]",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Also measure this model; may be repeated. A model, a model folder, or a .keras "
            "or .h5 file that Keras 2 wrote, such as the paper's authors'. [default: none]",
            show_default=False,
        ),
    ] = None,
    factor: Annotated[
        FactorName,
        typer.Option(
            help="Downsampling. auto: the paper's 4 where planes still hold a patch of 256 px "
            "then, else none.",
        ),
    ] = FactorName.auto,
    rescale: Annotated[
        bool,
        typer.Option(
            "--rescale/--no-rescale",
            help="Map each stack's 1st and 99th percentile to 100 and 500 counts, the paper's "
            "range, or leave counts as they are.",
        ),
    ] = True,
    seed: Annotated[
        int,
        typer.Option(
            metavar="SEED",
            help="Whole number that decides noise, first weights, patches and tested planes.",
        ),
    ] = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Reproduce the paper on your own clean stacks.

    Downsamples them and adds noise as the paper did in ImageJ, trains its 2D and its 3D network,
    measures them beside TV, CV2 and classic methods at their best strength, and writes Tables 1 and
    2 and Figures 3 to 6 into one report. Says first what it will do, and how long that takes.

    Example: `crispim-ij reproduce brain1/ brain2/ paper/ --quick`
    """
    from crispim_ij import reproduction as job

    settings = job.ReproductionSettings(
        test=test,
        factor=None if factor is FactorName.auto else float(factor.value),
        rescale=rescale,
        quick=quick,
        models=tuple(model or ()),
        seed=seed,
    )
    refuse_both(overwrite=overwrite, resume=resume)
    directory = job.RunDirectory(out)
    directory.check(resume=resume, overwrite=overwrite)
    with waiting("measuring the stacks"):
        plan = job.make_plan(data, settings)
    directory.check_stacks([stack.path for stack in (*plan.training, plan.test)])
    description = job.run_description(settings, plan)
    written = directory.resume(description) if resume else {}
    if resume and job.REPORTED in directory.done():
        say(f"All of this run is done already; its report: {directory.page}")
        return
    start_tensorflow()
    models = job.load_models(settings.models)
    if dry_run:
        if resume:
            say(_done(directory))
        else:
            _offered(plan, settings, directory)
        say("Nothing was written.")
        return
    if resume:
        recipes = job.settled_recipes(plan.patch, settings, written["precisions"])
        log(f"Resuming. {_done(directory)}")
    else:
        recipes = _offered(plan, settings, directory)
        precisions = {name: recipe.precision for name, recipe in recipes.items()}
        directory.begin({**description, "precisions": precisions})
    command = shlex.join(["crispim-ij", *sys.argv[1:]])
    _run(job.Reproduction(settings, plan, recipes, models, command), directory)


def _done(directory: RunDirectory) -> str:
    """Say which stages are done."""
    return f"Done already: {', '.join(directory.done()) or 'nothing'}."


def _offered(
    plan: ReproductionPlan, settings: ReproductionSettings, directory: RunDirectory
) -> dict[str, Recipe]:
    """Time the networks and say what is to be expected; refuse a disk that is too full."""
    from crispim_ij import reproduction as job

    with waiting("timing a few training steps"):
        offer = job.make_offer(plan, settings)
    for difference in job.differences_from_paper(plan, settings, offer.recipes):
        say(f"- {difference}")
    needed = job.disk_bytes(plan)
    _print_cost(offer, needed, quick=settings.quick)
    _check_space(directory.folder, needed)
    return dict(offer.recipes)


def _run(run: Reproduction, directory: RunDirectory) -> None:
    """Do all stages, and show the tables."""
    from crispim_ij import reproduction as job
    from crispim_ij.cli.interrupts import stop_after_step

    with stop_after_step() as stopped:
        try:
            page, experiments = job.reproduce(run, directory, partial(_bar, stopped=stopped))
        except KeyboardInterrupt:
            raise RunInterruptedError(
                f"The reproduction in {directory.folder} was interrupted; the same command with "
                "--resume continues it."
            ) from None
    for experiment in experiments:
        console.print(experiment.title, style="bold")
        console.print(experiment.evaluation.table)
    say(f"Report: {page}")


@contextmanager
def _bar(what: str, total: int, unit: str, stopped: threading.Event) -> Iterator[Advance]:
    """Show a stage's progress; end it where Ctrl-C has asked for that."""
    with progress_bar(what, total, unit) as bar:

        def advance(done: int, remark: str) -> None:
            text = f"{what}, {remark}" if remark else what
            bar.update(bar.task_ids[0], completed=done, description=text)
            if stopped.is_set():
                raise KeyboardInterrupt

        yield advance


def _print_cost(offer: Offer, needed: int, *, quick: bool) -> None:
    """Show what a run takes."""
    say(f"Expected time of this run: {_in_words(offer.cost)}")
    if quick:
        say(f"Expected time without --quick: {_in_words(offer.full)}")
    say(f"Needed on disk: at most {filesize.decimal(needed)}")


def _in_words(cost: Cost) -> str:
    """Return a run's time and its parts."""
    from crispim_ij.report.numbers import shown_time

    parts = [f"{name} {shown_time(seconds)}" for name, seconds in cost.training.items()]
    return (
        f"about {shown_time(cost.seconds)} ({', '.join(parts)}, testing {shown_time(cost.testing)})"
    )


def _check_space(folder: Path, needed: int) -> None:
    """Refuse to begin where there is too little room."""
    free = free_space(folder)
    if free < needed:
        raise CrispimError(
            f"'{folder}' has {filesize.decimal(free)} left and the run needs "
            f"{filesize.decimal(needed)}: free some, or give a folder on another drive."
        )
