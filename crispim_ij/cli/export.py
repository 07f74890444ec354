"""`crispim-ij export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import say, start_tensorflow, waiting
from crispim_ij.cli.options import ModelArgument, Overwrite
from crispim_ij.errors import CrispimError
from crispim_ij.exporting import (
    ExportSettings,
    Format,
    check_noise,
    check_place,
    export_model,
    format_of,
)
from crispim_ij.models import find_model
from crispim_ij.noise import CameraNoise, parse_noise


def export(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write: .zip for Fiji, .onnx; or a folder, a name without ending, for a "
            "SavedModel.",
        ),
    ],
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="csbdeep: for Fiji's 'Run your network'; csbdeep-stack: the same for a 3D model "
            "over whole stacks; savedmodel: TensorFlow 2; onnx; bioimageio: a bioimage.io package. "
            "[default: by how OUT ends, csbdeep for .zip]",
            show_default=False,
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="SD|GAIN:OFFSET:READ",
            help="The noise of all counts that the network will be given, for a model that is told "
            "it. [default: the network takes and gives values whose noise has an sd of 1]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a model for another program, such as Fiji.

    What is written takes and gives raw counts, unless the model is told the noise and --noise is
    left out. It is loaded again and compared with the model on a test image; if they differ by
    more than 0.01 counts, nothing is left behind.

    Example: `crispim-ij export crispim-2d crispim-2d.zip`
    """
    found = find_model(model)
    settings = ExportSettings(format_ or format_of(output), overwrite, _noise_of(noise))
    check_noise(found.spec, settings.noise)
    check_place(output, settings)
    start_tensorflow()
    with waiting("exporting"):
        exported = export_model(found, output, settings)
    say(
        f"{found.folder.name} written to {exported.path} for {settings.format.value}; its counts "
        f"differ from the model's by at most {exported.difference:.2g} on the test image"
    )
    if exported.units.facts:
        say(f"It takes and gives: {exported.units.says}")


def _noise_of(text: str | None) -> CameraNoise | None:
    """Read the noise, which can't be measured here."""
    if text is None:
        return None
    noise = parse_noise(text)
    if noise is None:
        raise CrispimError(
            "An export has no planes to measure the noise on (--noise auto): give it, such as 35, "
            "or leave it out for a network that takes values whose noise has an sd of 1."
        )
    return noise
