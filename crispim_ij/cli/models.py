"""`crispim-ij models`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.config import Command
from crispim_ij.cli.console import console, log, print_json, progress_bar, say, start_tensorflow
from crispim_ij.cli.options import AsJson, ModelArgument, Overwrite, parse_noise_sd
from crispim_ij.cli.outcome import opened_source, show_job
from crispim_ij.cli.train import print_trained, train_with_bar
from crispim_ij.cli.usage import Group
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model, library_folder, list_models
from crispim_ij.models.folder import read_card
from crispim_ij.models.spec import SPEC_FILE
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import SinkSettings, open_source
from crispim_ij.planes.atomic import whole_file
from crispim_ij.training import TrainingJob

if TYPE_CHECKING:
    from rich.table import Table

    from crispim_ij.evaluation.uncertainty import Bin
    from crispim_ij.training.shipped import ShippedRun

HALF = ":half"

models_app = typer.Typer(
    cls=Group, no_args_is_help=True, help="List, show, import, calibrate and rebuild models."
)


@models_app.command("list", cls=Command)
def list_(as_json: AsJson = False) -> None:
    """List the models that ship and your own.

    Example: `crispim-ij models list`
    """
    from rich.table import Table

    if as_json:
        print_json({"models": [_model_facts(model) for model in list_models()]})
        return
    table = Table("model", "architecture", "axes", "weights", "folder", box=None)
    for model in list_models():
        spec = model.spec
        table.add_row(
            model.folder.name,
            spec.architecture,
            spec.axes,
            f"{spec.parameters:,}",
            str(model.folder),
        )
    console.print(table)


@models_app.command(cls=Command)
def show(
    name: ModelArgument,
    as_json: AsJson = False,
) -> None:
    """Show what is known of a model: its description and its card.

    How it was trained stands in its card, or in the description where it has none; --json
    tells all of it.

    Example: `crispim-ij models show crispim-2d`
    """
    from rich.markdown import Markdown

    model = find_model(name)
    text = read_card(model.folder)
    if as_json:
        print_json({**_model_facts(model), "card": text})
        return
    description = asdict(model.spec)
    if text is None:
        print_json(description)
        return
    del description["provenance"]
    print_json(description)
    console.print(Markdown(text))


def _model_facts(model: Model) -> dict[str, Any]:
    """Describe a model for scripts."""
    return {**asdict(model.spec), "folder": str(model.folder)}


@models_app.command(cls=Command)
def calibrate(
    name: ModelArgument,
    clean: Annotated[
        list[Path],
        typer.Option(
            metavar="STACK",
            help="Folder or stack of clean planes that the model wasn't trained on. Give it once "
            "for each stack. What noise they have counts as error.",
        ),
    ],
    noise_sd: Annotated[
        str,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the noise in counts; each plane draws a whole number.",
        ),
    ] = "10:60",
    planes: Annotated[
        int, typer.Option(metavar="COUNT", help="Planes that are drawn from each stack.")
    ] = 20,
) -> None:
    """Measure how large a model's errors are, for `denoise --uncertainty`.

    Example: `crispim-ij models calibrate my-model/ --clean brain3/`
    """
    from crispim_ij.evaluation import EvaluationSettings, NoiseSettings

    settings = EvaluationSettings(planes, NoiseSettings(parse_noise_sd(noise_sd)))
    model = find_model(name)
    with ExitStack() as opened:
        sources = [opened.enter_context(opened_source(path)) for path in clean]
        start_tensorflow()
        from crispim_ij.evaluation.uncertainty import measure_errors

        total = sum(min(planes, len(source)) for source in sources)
        with progress_bar("measuring", total, "planes") as bar:
            found, bins = measure_errors(
                model, sources, settings, lambda: bar.advance(bar.task_ids[0])
            )
    found.write(model.folder)
    console.print(_reliability_table(bins))
    say(f"Written to {model.folder}")


def _reliability_table(bins: Sequence[Bin]) -> Table:
    """Compare expected and real errors."""
    from rich.table import Table

    table = Table("tenth of the pixels", "expected error", "real error", box=None)
    for number, tenth in enumerate(bins, 1):
        table.add_row(str(number), f"{tenth.expected:.1f}", f"{tenth.real:.1f}")
    return table


@models_app.command("import", cls=Command)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .keras or .h5 file written by Keras 2.")
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Name to give it among your models, or a folder (with a slash)."
        ),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Import one of the paper's networks from a file that Keras 2 wrote.

    Example: `crispim-ij models import model.keras theirs`
    """
    start_tensorflow()
    from crispim_ij.models.keras2 import import_model

    folder = library_folder() / name if Path(name).name == name else Path(name)
    if (folder / SPEC_FILE).exists() and not overwrite:
        raise CrispimError(f"{folder} holds a model already; give --overwrite to replace it.")
    model = import_model(file, folder)
    say(
        f"Imported {file} as {model.spec.architecture} "
        f"({model.spec.parameters:,} weights) into {model.folder}"
    )


@models_app.command(cls=Command)
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
    stacks = {name: _shipped_stack(name, data, output) for run in runs for name in run.stacks}
    for run in runs:
        if (output / run.model / "model.json").exists():
            log(f"{output / run.model} exists already.")
            continue
        _train_run(run, [stacks[name] for name in run.stacks], output, steps)


def _shipped_stack(name: str, data: Path, output: Path) -> Path:
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
    from crispim_ij.preprocessing import PreprocessSettings

    settings = PreprocessSettings(2, Interpolation.NONE, noise_sd=(0, 0))
    outputs = [Output(made, SinkSettings(resume=True))]
    with open_source(original) as planes:
        job = plan_preprocessing(planes, outputs, settings, NativeImageJ, {})
        show_job(job, "preprocessing", preprocess_locally(job))
    job.write_records()


def _simulate(name: str, path: Path) -> None:
    """Write a simulated volume."""
    import tifffile

    from crispim_ij.phantom import simulate_planes
    from crispim_ij.training.shipped import phantoms

    settings = phantoms()[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        progress_bar(f"simulating {name}", settings.shape[0], "planes") as bar,
        whole_file(path) as part,
    ):
        tifffile.imwrite(
            part,
            iter(bar.track(simulate_planes(settings), task_id=bar.task_ids[0])),
            shape=settings.shape,
            dtype="uint16",
            imagej=True,
            metadata={"axes": "ZYX"},
        )


def _train_run(run: ShippedRun, stacks: list[Path], output: Path, steps: int | None) -> None:
    """Do one run, or what is left of it."""
    folder = output / run.model
    recipe = run.recipe if steps is None else replace(run.recipe, steps=steps)
    start, teacher = (
        str(output / name) if name else None for name in (run.start_from, run.teacher)
    )
    log(f"Training {folder}: {recipe.steps} steps")
    resume = (folder / "checkpoint.keras").exists()
    job = TrainingJob(
        folder, recipe, tuple(stacks), start_from=start, teacher=teacher, resume=resume
    )
    print_trained(train_with_bar(job, "the same command"))
