"""`crispim-ij denoise`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import console, progress_bar, start_tensorflow
from crispim_ij.cli.options import Input, Overwrite, Packing, PrecisionName
from crispim_ij.planes import Compression, SinkSettings, create_sink, open_source


class ResultType(str, Enum):
    """Pixel types that results can be written in."""

    same = "same"
    uint8 = "uint8"
    uint16 = "uint16"
    float32 = "float32"


def denoise(
    source: Input,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="Folder for the denoised planes, or a .tif file for a stack."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Name of a model, or path of a model folder.")
    ] = "crispim-2d",
    precision: Annotated[
        PrecisionName,
        typer.Option(help="Arithmetic of the convolutions; bfloat16 is faster, less exact."),
    ] = PrecisionName.float32,
    tile: Annotated[
        int,
        typer.Option(
            min=1,
            help="Longest side, in px, that the network is given at once. Smaller tiles need "
            "less memory; the result is the same.",
        ),
    ] = 1024,
    dtype: Annotated[
        ResultType,
        typer.Option(help="Pixel type of the result; integers are rounded and clipped."),
    ] = ResultType.same,
    compression: Packing = Compression.NONE,
    overwrite: Overwrite = False,
) -> None:
    """Denoise a folder of planes or a stack.

    File names, pixel size, display range and other metadata are kept.
    """
    import numpy as np

    settings = SinkSettings(
        dtype=None if dtype is ResultType.same else np.dtype(dtype.value),
        compression=compression,
        overwrite=overwrite,
    )
    with open_source(source) as planes:
        results = create_sink(output, planes, settings)
        start_tensorflow()
        from crispim_ij.denoising import DenoiseSettings, denoise_stack, load_denoiser

        denoiser = load_denoiser(model, DenoiseSettings(precision.value, tile))
        denoiser.grid(planes.shape[1:])
        with results as sink, progress_bar("denoising", len(planes), "planes") as bar:
            denoise_stack(
                planes, sink, denoiser, lambda: bar.advance(bar.task_ids[0]), denoiser.depth
            )
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
