"""`crispim-ij models train-shipped`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import errors, progress_bar
from crispim_ij.cli.outcome import show_job
from crispim_ij.cli.train import print_trained, train_with_bar
from crispim_ij.errors import CrispimError
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import SinkSettings, open_source
from crispim_ij.training import TrainingJob

if TYPE_CHECKING:
    from crispim_ij.training.shipped import ShippedRun

HALF = ":half"


def train_shipped(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model to make again, such as crispim-2d.")
    ],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder of the stacks that its card names.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the models and what they need.")
    ],
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=1,
            help="Batches to train on in each run, to try it out. [default: the run's own]",
        ),
    ] = None,
) -> None:
    """Train a model that ships again, by the very runs that made it.

    What exists in OUT is kept, and a run that was stopped is resumed: after an
    interruption give the same command again.

    Example: `crispim-ij models train-shipped crispim-2d data/ out/`
    """
    from crispim_ij.training.shipped import runs_for

    runs = runs_for(model)
    stacks = {name: _stack(name, data, output) for run in runs for name in run.stacks}
    for run in runs:
        if (output / run.model / "model.json").exists():
            errors.print(f"{output / run.model} exists already.", soft_wrap=True)
            continue
        _train(run, [stacks[name] for name in run.stacks], output, steps)


def _stack(name: str, data: Path, output: Path) -> Path:
    """Find a stack, or make it."""
    from crispim_ij.training.shipped import phantoms

    made = output / "stacks" / f"{name.replace(HALF, '-half')}.tif"
    if name in phantoms():
        if not made.exists():
            _simulate(name, made)
        return made
    original = data / f"{name.removesuffix(HALF)}.tif"
    if not original.exists():
        raise CrispimError(f"{data} lacks {original.name}, which this model was trained on.")
    if not name.endswith(HALF):
        return original
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        _halve(original, made)
    return made


def _halve(original: Path, made: Path) -> None:
    """Write a stack at half its size, without noise."""
    from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
    from crispim_ij.preprocessing import PreprocessSettings, write_record

    settings = PreprocessSettings(2, Interpolation.NONE, noise_sd=(0, 0))
    outputs = [Output(made, SinkSettings(resume=True))]
    with open_source(original) as planes:
        job = plan_preprocessing(planes, outputs, settings, NativeImageJ, {})
        show_job(job, "preprocessing", preprocess_locally(job))
    write_record(job.record(), made)


def _simulate(name: str, path: Path) -> None:
    """Write a simulated volume."""
    import tifffile

    from crispim_ij.phantom import simulate_planes
    from crispim_ij.planes.atomic import whole_file
    from crispim_ij.training.shipped import phantoms

    settings = phantoms()[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        progress_bar(f"simulating {name}", settings.shape[0], "planes") as bar,
        whole_file(path) as part,
        tifffile.TiffWriter(part, imagej=True) as writer,
    ):
        for plane in simulate_planes(settings):
            writer.write(plane, contiguous=True)
            bar.advance(bar.task_ids[0])


def _train(run: ShippedRun, stacks: list[Path], output: Path, steps: int | None) -> None:
    """Do one run, or what is left of it."""
    from dataclasses import replace

    folder = output / run.model
    recipe = run.recipe if steps is None else replace(run.recipe, steps=steps)
    start, teacher = (
        str(output / name) if name else None for name in (run.start_from, run.teacher)
    )
    errors.print(f"Training {folder}: {recipe.steps} steps", soft_wrap=True)
    resume = (folder / "checkpoint.keras").exists()
    job = TrainingJob(
        folder, recipe, tuple(stacks), start_from=start, teacher=teacher, resume=resume
    )
    print_trained(train_with_bar(job))
