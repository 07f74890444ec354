"""`crispim-ij train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from crispim_ij.cli.console import print_json
from crispim_ij.cli.options import (
    AsJson,
    Camera,
    DryRun,
    Overwrite,
    PrecisionName,
    Resume,
    model_names,
    parse_noise_sd,
    recipe_names,
    refuse_two_noises,
)
from crispim_ij.cli.outcome import print_dry_run
from crispim_ij.cli.train_run import Data, print_trained, train_model, try_model
from crispim_ij.errors import CrispimError
from crispim_ij.training.settings import RunSettings


def train(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder to write.")],
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
            "noisy planes. [default: noise is drawn on the fly]",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Where the settings come from: paper-2d, paper-3d, crispim-2d, blind, a .toml "
            "file of your own, or the recipe.json of a model.",
            autocompletion=recipe_names,
        ),
    ] = "crispim-2d",
    start_from: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Begin with the weights of this model, to adapt it. [default: random weights]",
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
            help="Standard deviation of the drawn noise, in counts. [default: the recipe's]",
        ),
    ] = None,
    camera: Camera = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Peak of Adam's learning rate, a number without unit. [default: the recipe's]",
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
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Train a network on clean planes or, by --recipe blind, on noisy planes alone.

    The model folder holds the weights, their description, the recipe, and the history
    as CSV and PNG. A run that was stopped goes on with --resume and the same options.

    Example: `crispim-ij train my-model/ --clean brain1/ --clean brain2.tif`
    """
    from crispim_ij.noise import range_of, read_camera
    from crispim_ij.training import check_data, load_recipe

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
    refuse_two_noises(camera=camera, noise_sd=noise_sd)
    refuse_two_noises(camera=camera, noisy=noisy)
    if camera:
        chosen |= {"camera": range_of(read_camera(camera)), "contrast": None}
    elif noise_sd:
        chosen["camera"] = None
    chosen_recipe = replace(load_recipe(recipe), **chosen)
    check_data(chosen_recipe, clean=len(clean or []), noisy=len(noisy or []))
    if chosen_recipe.is_blind and noise_sd:
        raise CrispimError(
            f"Recipe {chosen_recipe.name!r} measures the noise of the planes; leave --noise-sd out."
        )
    settings = RunSettings(devices, sample_every, tensorboard, workers, cache)
    _refuse_model(model, resume=resume, overwrite=overwrite)
    data = Data(tuple(clean or []), tuple(noisy or []))
    if dry_run:
        facts = try_model(model, data, chosen_recipe, settings, start_from, resume=resume)
        print_dry_run({**facts, "dry run": True}, as_json=as_json)
        return
    facts = train_model(model, data, chosen_recipe, settings, start_from, resume=resume)
    if as_json:
        print_json(facts)
    else:
        print_trained(facts)


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
