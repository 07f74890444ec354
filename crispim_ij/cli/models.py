"""`crispim-ij models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import console, start_tensorflow
from crispim_ij.cli.options import Overwrite
from crispim_ij.errors import CrispimError

models_app = typer.Typer(no_args_is_help=True, help="List, show and import models.")


@models_app.command("list")
def list_() -> None:
    """List the models that ship and your own."""
    from rich.table import Table

    from crispim_ij.models import list_models

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


@models_app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a model, or its folder.")],
) -> None:
    """Show what is known of a model: its description and its card."""
    from dataclasses import asdict

    from rich.markdown import Markdown

    from crispim_ij.models import find_model

    model = find_model(name)
    console.print_json(data=asdict(model.spec))
    card = model.folder / "README.md"
    if card.is_file():
        console.print(Markdown(card.read_text(encoding="utf-8")))


@models_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .keras or .h5 file written by Keras 2.")],
    name: Annotated[
        str,
        typer.Argument(help="Name to give it among your models, or a folder (with a slash)."),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Import one of the paper's networks from a file that Keras 2 wrote."""
    start_tensorflow()
    from crispim_ij.models import library_folder
    from crispim_ij.models.keras2 import import_model
    from crispim_ij.models.spec import SPEC_FILE

    folder = library_folder() / name if Path(name).name == name else Path(name)
    if (folder / SPEC_FILE).exists() and not overwrite:
        raise CrispimError(f"{folder} holds a model already; give --overwrite to replace it.")
    model = import_model(file, folder)
    console.print(
        f"Imported {file} as {model.spec.architecture} "
        f"({model.spec.parameters:,} weights) into {model.folder}",
        soft_wrap=True,
    )
