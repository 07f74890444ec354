"""`crispim-ij denoise`."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from crispim_ij.cli.console import (
    console,
    print_json,
    progress_bar,
    saying_what_is_kept,
    start_tensorflow,
)
from crispim_ij.cli.options import (
    AsJson,
    Channel,
    DryRun,
    Input,
    Level,
    ModelName,
    OmeZarr,
    Overwrite,
    Packing,
    PrecisionName,
    Pyramid,
    Resume,
    Shard,
    Tile,
    Time,
    refuse_both,
    selection_of,
    zarr_settings,
)
from crispim_ij.cli.outcome import output_facts, planes_facts, print_dry_run
from crispim_ij.planes import (
    Compression,
    PairedSink,
    Sink,
    SinkSettings,
    create_sink,
    open_source,
)


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
            metavar="OUTPUT",
            help="Folder for the denoised planes, a .tif file for a stack, or a .zarr.",
        ),
    ],
    model: ModelName = "crispim-2d",
    precision: Annotated[
        PrecisionName,
        typer.Option(help="Arithmetic of the convolutions; bfloat16 is faster, less exact."),
    ] = PrecisionName.float32,
    tile: Tile = 1024,
    dtype: Annotated[
        ResultType,
        typer.Option(help="Pixel type of the result; integers are rounded and clipped."),
    ] = ResultType.same,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            metavar="OUTPUT",
            help="Also write the error that is expected of each pixel, in counts, as float32. "
            "Takes four times as long. [default: not written]",
        ),
    ] = None,
    compression: Packing = Compression.NONE,
    channel: Channel = None,
    time: Time = None,
    level: Level = 0,
    ome_zarr: OmeZarr = None,
    shard: Shard = None,
    pyramid: Pyramid = False,
    overwrite: Overwrite = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Denoise a folder of planes, a stack or an OME-Zarr.

    File names, pixel size, display range and other metadata are kept. A run that is stopped or
    killed can be gone on with by --resume.

    Example: `crispim-ij denoise scan/ denoised/ --precision bfloat16`
    """
    import numpy as np

    started = perf_counter()
    refuse_both(overwrite=overwrite, resume=resume)
    settings = SinkSettings(
        dtype=None if dtype is ResultType.same else np.dtype(dtype.value),
        compression=compression,
        overwrite=overwrite,
        resume=resume,
        zarr=zarr_settings(ome_zarr, shard, pyramid),
    )
    with open_source(source, selection_of(channel, time, level)) as planes:
        outputs = [(output, planes, settings)]
        results: Sink = create_sink(output, planes, settings)
        if uncertainty is not None:
            outputs.append((uncertainty, planes, replace(settings, dtype=np.dtype("float32"))))
            results = PairedSink(results, create_sink(*outputs[1]))
        start_tensorflow()
        from crispim_ij.denoising import (
            DenoiseSettings,
            check_slices,
            denoise_stack,
            load_denoiser,
        )

        denoiser = load_denoiser(
            model, DenoiseSettings(precision.value, tile), uncertain=uncertainty is not None
        )
        denoiser.grid(planes.shape[1:])
        check_slices(planes, denoiser.depth)
        facts = {
            "input": planes_facts(planes),
            "outputs": [output_facts(*output) for output in outputs],
            "model": {"name": denoiser.spec.name, "sha256": denoiser.spec.sha256},
            "precision": precision.value,
            "tile": tile,
        }
        results.record(
            {
                "command": "denoise",
                "the model's SHA-256": denoiser.spec.sha256,
                "--precision": precision.value,
                "--tile": tile,
                "--uncertainty": uncertainty and str(uncertainty),
                "--channel": channel,
                "--time": time,
                "--level": level,
            }
        )
        if dry_run:
            results.check()
            print_dry_run({**facts, "dry run": True}, as_json=as_json)
            return
        with (
            saying_what_is_kept(results),
            results as sink,
            progress_bar("denoising", len(planes), "planes") as bar,
        ):
            kept = sum(sink.has(k) for k in range(len(planes)))
            bar.advance(bar.task_ids[0], kept)
            denoise_stack(
                planes,
                sink,
                denoiser,
                lambda share: bar.advance(bar.task_ids[0], share),
                denoiser.depth,
            )
    if as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)
