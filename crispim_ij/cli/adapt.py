"""`crispim-ij adapt`, and what `denoise --adapt` says."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.console import log, print_json, progress_bar, say, warn
from crispim_ij.cli.interrupts import ending_after_step
from crispim_ij.cli.options import (
    AsJson,
    DryRun,
    Input,
    Noise,
    Overwrite,
    Resume,
    SelectionOptions,
    model_names,
    refuse_both,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source, print_dry_run, say_noise, say_problems
from crispim_ij.planes import Source, free_space

if TYPE_CHECKING:
    from crispim_ij.models import Model
    from crispim_ij.noise import StackNoise
    from crispim_ij.training.adaptation import Adapted, AdaptSettings, Plan
    from crispim_ij.training.log import HistoryEntry


@with_groups
def adapt(
    stack: Input,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder to write.")],
    *,
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Model to begin with, one that is told the noise: its name, or a model folder.",
            autocompletion=model_names,
        ),
    ] = "crispim-2d",
    minutes: Annotated[
        float, typer.Option(metavar="MINUTES", help="About how long it may take, in minutes.")
    ] = 10.0,
    noise: Noise = "auto",
    seed: Annotated[
        int, typer.Option(metavar="SEED", min=0, help="Whole number that decides every patch.")
    ] = 0,
    selection: SelectionOptions,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Adapt a model to a noisy stack, in minutes and without a clean plane.

    Learns from the very planes that are to be denoised. Some of them are kept to estimate the error
    against the clean ones: where the model isn't better than the one that it begins with, it is
    that one.

    Example: `crispim-ij adapt scan/ my-model/ --minutes 10`
    """
    from crispim_ij.models import find_model
    from crispim_ij.noise import NoiseOptions, parse_noise, tell_noise
    from crispim_ij.noise.suitability import misfits
    from crispim_ij.training import AdaptSettings, check_adaptable, check_place

    refuse_both(overwrite=overwrite, resume=resume)
    settings = AdaptSettings(minutes, seed)
    start = find_model(begin)
    check_adaptable(start)
    check_place(model, resume=resume, overwrite=overwrite)
    started = perf_counter()
    with opened_source(stack, selection.selection()) as planes:
        told = tell_noise(planes, NoiseOptions(parse_noise(noise)), learnt=())
        say_noise(told, quiet=as_json)
        say_problems(misfits(planes, start))
        if dry_run:
            print_dry_run({**_dry_facts(planes, model, start), "dry run": True}, as_json=as_json)
            return
        adapted = adapt_with_bar(planes, start, model, settings, told, resume=resume)
    if as_json:
        print_json({**facts(adapted, start), "seconds": perf_counter() - started})
        return
    say_adapted(adapted, start)
    say(f"Model written to {model}")


def adapt_with_bar(
    planes: Source,
    start: Model,
    folder: Path,
    settings: AdaptSettings,
    told: StackNoise,
    *,
    resume: bool,
) -> Adapted:
    """Adapt with a bar on the screen, until Ctrl-C."""
    from crispim_ij.training import adapt as adapt_model

    with (
        progress_bar("preparing", 1, "steps") as bar,
        ending_after_step("The adaptation", folder) as check_interrupt,
    ):
        planned: list[Plan] = []

        def show_plan(plan: Plan) -> None:
            planned.append(plan)
            bar.update(bar.task_ids[0], total=plan.steps, description="adapting")
            log(in_words(plan, start))

        def show(done: int, newest: HistoryEntry | None) -> None:
            (plan,) = planned
            if newest is not None:
                said = f"adapting, {plan.progress(newest.error)}"
                bar.update(bar.task_ids[0], completed=done, description=said)
            check_interrupt()

        return adapt_model(
            planes,
            start,
            folder,
            settings,
            told,
            resume=resume,
            on_plan=show_plan,
            on_step=show,
        )


def in_words(plan: Plan, start: Model) -> str:
    """Say what an adaptation is going to do."""
    from crispim_ij.report.numbers import shown_time

    time = "" if plan.seconds is None else f", about {shown_time(plan.seconds)} here"
    return (
        f"Adapting {start.folder.name}: {plan.steps} steps{time}, fewer where planes that are kept "
        "apart tell of no more gain"
    )


def say_adapted(adapted: Adapted, start: Model) -> None:
    """Say what an adaptation was worth, for people."""
    name, unit = start.folder.name, adapted.unit
    before, after = (
        "below 0" if math.isnan(error) else f"{error:.3g}"
        for error in (adapted.before, adapted.after)
    )
    say(
        f"Estimated error: noisy {adapted.noisy:.3g}, {name} {before}, adapted {after} {unit}, on "
        "planes that were kept apart"
    )
    if why := adapted.why_kept(name):
        warn(why)


def facts(adapted: Adapted, start: Model) -> dict[str, Any]:
    """Say what came of an adaptation, for scripts."""
    values = asdict(adapted)
    del values["model"], values["is_better"], values["is_doubtful"]
    return {
        "model": str(adapted.model.folder),
        "from": start.folder.name,
        **values,
        "better": adapted.is_better,
        "doubtful": adapted.is_doubtful,
    }


def _dry_facts(planes: Source, folder: Path, start: Model) -> dict[str, Any]:
    """Say what would be read and written."""
    from crispim_ij.jobs.output import planes_facts
    from crispim_ij.training.adaptation import RECIPE
    from crispim_ij.training.checkpoints import bytes_needed

    size = bytes_needed(start.spec.parameters, RECIPE)
    return {
        "input": planes_facts(planes),
        "outputs": [{"path": str(folder), "bytes": size, "free": free_space(folder)}],
        "model": {"name": start.spec.name, "sha256": start.spec.sha256},
    }
