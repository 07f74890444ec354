"""`crispim-ij export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import console, start_tensorflow
from crispim_ij.cli.options import ModelArgument, Overwrite
from crispim_ij.exporting import ExportSettings, Format, check_place, export_model


def export(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="File to write (.zip or .onnx), or a folder for a SavedModel."
        ),
    ],
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="csbdeep: for Fiji's 'Run your network'; csbdeep-stack: the same for a 3D model "
            "over whole stacks; savedmodel: TensorFlow 2; onnx; bioimageio: a bioimage.io package.",
        ),
    ] = Format.CSBDEEP,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for another program, such as Fiji.

    What is written takes and gives raw counts. It is loaded again and compared with the model
    on a test image; if they differ by more than 0.01 counts, nothing is left behind.

    Example: `crispim-ij export crispim-2d crispim-2d.zip`
    """
    from crispim_ij.models import find_model

    settings = ExportSettings(format_, overwrite)
    found = find_model(model)
    check_place(output, settings)
    start_tensorflow()
    exported = export_model(found, output, settings)
    console.print(
        f"{found.folder.name} written to {exported.path} for {format_.value}; its counts differ "
        f"from the model's by at most {exported.difference:.2g} on the test image",
        soft_wrap=True,
    )
