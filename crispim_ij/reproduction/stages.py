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
from crispim_ij.reproduction.differences import differences_from_paper
from crispim_ij.reproduction.plan import ReproductionPlan, ReproductionSettings, StackPlan
from crispim_ij.reproduction.recipes import NETWORKS
from crispim_ij.reproduction.run_directory import RunDirectory
from crispim_ij.reproduction.stacks import Substack
from crispim_ij.reproduction.tables import TABLES, measure_table, planes_tested
from crispim_ij.training import Recipe, RunSettings, open_stack, train
from crispim_ij.training.checkpoints import CHECKPOINT_FILE, HISTORY_FILE
from crispim_ij.training.log import HistoryEntry, read_history

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
    """One run, ready to start: its plan, a recipe for each network, and more models to measure."""

    settings: ReproductionSettings
    plan: ReproductionPlan
    recipes: Mapping[str, Recipe]
    models: Sequence[Method]
    command: str


def reproduce(
    run: Reproduction, directory: RunDirectory, progress: Progress
) -> tuple[Path, list[Experiment]]:
    """Do all stages that are not done yet; return the report's page and the tables in it.

    The directory was begun by this run, or by a killed one that this resumes.
    """
    for stack in (*run.plan.training, run.plan.test):
        _stage(directory, f"preprocess {stack.name}", partial(_prepare, stack, directory, progress))
    for name in NETWORKS:
        _stage(
            directory, f"train {name}", partial(_train, run.recipes[name], run, directory, progress)
        )
    began = perf_counter()
    experiments = _measure(run, directory, progress)
    networks = {name: load_model(directory.models / name) for name in NETWORKS}
    spent = sum(directory.done().values()) + perf_counter() - began
    report = Report(
        title="The CRISPIM paper, reproduced" + (" in short" if run.settings.quick else ""),
        command=run.command,
        notes=differences_from_paper(run.plan, run.settings, run.recipes),
        experiments=experiments,
        recipes={name: model.spec.provenance for name, model in networks.items()},
        seconds=spent,
    )
    page = write_report(report, directory.report)
    directory.finish(REPORTED, perf_counter() - began)
    return page, experiments


def _stage(directory: RunDirectory, name: str, work: Callable[[], float | None]) -> None:
    """Do a stage unless it is done; it may know better than the clock how long it took."""
    if name in directory.done():
        return
    began = perf_counter()
    seconds = work()
    directory.finish(name, perf_counter() - began if seconds is None else seconds)


def _prepare(stack: StackPlan, directory: RunDirectory, progress: Progress) -> None:
    """Downsample a stack, and give it its noise if it is trained on."""
    with ExitStack() as opened:
        source = Substack(opened.enter_context(open_source(stack.path)), count_map=stack.count_map)
        is_noisy = stack.preprocess.noise_sd[1] > 0
        folders = [directory.noisy, directory.clean] if is_noisy else [directory.clean]
        outputs = [
            Output(folder / f"{stack.name}.tif", SinkSettings(overwrite=True)) for folder in folders
        ]
        job = plan_preprocessing(source, outputs, stack.preprocess, NativeImageJ)
        advance = opened.enter_context(progress(f"preparing {stack.name}", len(source), "planes"))
        steps = opened.enter_context(closing(preprocess_locally(job)))
        for done, _ in enumerate(share for share in steps if share):
            advance(done + 1, "")
    for folder, output in zip(folders, outputs, strict=True):
        write_record(job.record(), output.path, noisy=folder == directory.noisy)


def _train(recipe: Recipe, run: Reproduction, directory: RunDirectory, progress: Progress) -> float:
    """Train a network, or resume it; return the seconds of its steps."""
    folder = directory.models / recipe.name
    with ExitStack() as opened:

        def opened_in(folder: Path, stack: StackPlan) -> Source:
            return opened.enter_context(open_source(folder / f"{stack.name}.tif"))

        stacks = [
            open_stack(opened_in(directory.clean, stack), opened_in(directory.noisy, stack), recipe)
            for stack in run.plan.training
        ]
        what = f"training {recipe.name}"
        advance = opened.enter_context(progress(what, recipe.steps, "steps"))

        def show(done: int, newest: HistoryEntry | None) -> None:
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


def _measure(run: Reproduction, directory: RunDirectory, progress: Progress) -> list[Experiment]:
    """Measure both tables."""
    networks = {name: find_method(str(directory.models / name)) for name in NETWORKS}
    experiments = []
    with open_source(directory.clean / f"{run.plan.test.name}.tif") as test:
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
