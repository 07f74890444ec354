"""The stages of a reproduction: preprocess, train, evaluate, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from crispim_ij.evaluation import Method, find_method
from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
from crispim_ij.models import load_model
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import SinkSettings, Source, open_source
from crispim_ij.preprocessing import write_record
from crispim_ij.report import Experiment, Report, write_report
from crispim_ij.reproduction.notes import notes_on
from crispim_ij.reproduction.plan import Plan, StackPlan
from crispim_ij.reproduction.recipes import NETWORKS
from crispim_ij.reproduction.settings import ReproductionSettings
from crispim_ij.reproduction.tables import TABLES, measure_table, planes_tested
from crispim_ij.reproduction.view import View
from crispim_ij.reproduction.workplace import Workplace
from crispim_ij.training import Recipe, RunSettings, open_stack, train
from crispim_ij.training.checkpoint import CHECKPOINT_FILE
from crispim_ij.training.history import Record, read_history
from crispim_ij.training.journal import HISTORY_FILE

Advance = Callable[[int, str], None]
"""Told how many units are done, and a remark."""

Progress = Callable[[str, int, str], AbstractContextManager[Advance]]
"""Begins to show a stage: what is done, how many units there are, their name."""

REPORTED = "report"
"""The last stage."""

_ONE_DEVICE = RunSettings(devices=1)
"""Weights must not depend on how many GPUs a machine has."""


@dataclass(frozen=True)
class Reproduction:
    """One run, ready to start.

    Attributes
    ----------
    settings : ReproductionSettings
        What was asked for.
    plan : Plan
        What is done with the stacks.
    recipes : mapping of str to Recipe
        How each of `crispim_ij.reproduction.recipes.NETWORKS` is trained.
    models : sequence of Method
        More models to measure.
    command : str
        What was typed, for the report.
    """

    settings: ReproductionSettings
    plan: Plan
    recipes: Mapping[str, Recipe]
    models: Sequence[Method]
    command: str


def reproduce(
    run: Reproduction, place: Workplace, progress: Progress
) -> tuple[Path, list[Experiment]]:
    """Do all stages that are not done yet.

    Parameters
    ----------
    run : Reproduction
        What to do.
    place : Workplace
        Where; begun by this run, or by a killed one that this goes on with.
    progress : callable
        Shows how far each stage is.

    Returns
    -------
    page : Path
        The report.
    experiments : list of Experiment
        The tables in it.
    """
    for stack in (*run.plan.training, run.plan.test):
        _stage(place, f"preprocess {stack.name}", partial(_prepare, stack, place, progress))
    for name in NETWORKS:
        _stage(place, f"train {name}", partial(_train, run.recipes[name], run, place, progress))
    began = perf_counter()
    experiments = _measure(run, place, progress)
    networks = {name: load_model(place.models / name) for name in NETWORKS}
    spent = sum(place.done().values()) + perf_counter() - began
    report = Report(
        title="The CRISPIM paper, reproduced" + (" in short" if run.settings.quick else ""),
        command=run.command,
        notes=notes_on(run.plan, run.settings, run.recipes),
        experiments=experiments,
        recipes={name: model.spec.provenance for name, model in networks.items()},
        seconds=spent,
    )
    page = write_report(report, place.report)
    place.finish(REPORTED, perf_counter() - began)
    return page, experiments


def _stage(place: Workplace, name: str, work: Callable[[], float | None]) -> None:
    """Do a stage unless it is done; it may know better than the clock how long it took."""
    if name in place.done():
        return
    began = perf_counter()
    seconds = work()
    place.finish(name, perf_counter() - began if seconds is None else seconds)


def _prepare(stack: StackPlan, place: Workplace, progress: Progress) -> None:
    """Downsample a stack, and give it its noise if it is trained on."""
    with ExitStack() as opened:
        source = View(opened.enter_context(open_source(stack.path)), count_map=stack.count_map)
        is_noisy = stack.preprocess.noise_sd[1] > 0
        folders = [place.noisy, place.clean] if is_noisy else [place.clean]
        outputs = [
            Output(folder / f"{stack.name}.tif", SinkSettings(overwrite=True)) for folder in folders
        ]
        job = plan_preprocessing(source, outputs, stack.preprocess, NativeImageJ)
        advance = opened.enter_context(progress(f"preparing {stack.name}", len(source), "planes"))
        steps = opened.enter_context(closing(preprocess_locally(job)))
        for done, _ in enumerate(share for share in steps if share):
            advance(done + 1, "")
    for folder, output in zip(folders, outputs, strict=True):
        write_record(job.record(), output.path, noisy=folder == place.noisy)


def _train(recipe: Recipe, run: Reproduction, place: Workplace, progress: Progress) -> float:
    """Train a network, or go on with it; return the seconds of its steps."""
    folder = place.models / recipe.name
    with ExitStack() as opened:

        def opened_in(folder: Path, stack: StackPlan) -> Source:
            return opened.enter_context(open_source(folder / f"{stack.name}.tif"))

        stacks = [
            open_stack(opened_in(place.clean, stack), opened_in(place.noisy, stack), recipe)
            for stack in run.plan.training
        ]
        what = f"training {recipe.name}"
        advance = opened.enter_context(progress(what, recipe.steps, "steps"))

        def show(done: int, newest: Record | None) -> None:
            advance(done, f"RMSE {newest.loss**0.5:.1f} counts" if newest else "")

        train(
            stacks,
            recipe,
            folder,
            settings=_ONE_DEVICE,
            resume=(folder / CHECKPOINT_FILE).is_file(),
            on_step=show,
        )
    return sum(record.seconds for record in read_history(folder / HISTORY_FILE))


def _measure(run: Reproduction, place: Workplace, progress: Progress) -> list[Experiment]:
    """Measure both tables."""
    networks = {name: find_method(str(place.models / name)) for name in NETWORKS}
    experiments = []
    with open_source(place.clean / f"{run.plan.test.name}.tif") as test:
        for table in TABLES:
            methods = [networks[name] for name in table.networks]
            # A 3D model has its like in the table of the 3D network.
            flat = table is TABLES[0]
            methods += [one for one in run.models if (one.depth == 1) == flat]
            planes = planes_tested(run.plan, table.name)
            with progress(f"measuring {table.name}", planes, "planes") as advance:
                experiments.append(
                    measure_table(table, test, run.plan, methods, run.settings.seed, advance)
                )
    return experiments
