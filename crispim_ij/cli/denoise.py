"""`crispim-ij denoise`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.cluster import (
    Cluster,
    Scheduler,
    Workers,
    cluster_of,
    crew_of,
    refuse_lone_workers,
    say_processors,
    showing_workers,
)
from crispim_ij.cli.console import (
    console,
    progress_bar,
    saying_what_is_kept,
    start_tensorflow,
)
from crispim_ij.cli.options import (
    Channel,
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
    scheduler: Scheduler = None,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Denoise a folder of planes, a stack or an OME-Zarr.

    File names, pixel size, display range and other metadata are kept. A run that is stopped or
    killed can be gone on with by --resume.

    Example: `crispim-ij denoise scan/ denoised/ --precision bfloat16`
    """
    import numpy as np

    refuse_both(overwrite=overwrite, resume=resume)
    chosen = cluster_of(scheduler, cluster, workers)
    if chosen is None:
        refuse_lone_workers(workers)
    settings = SinkSettings(
        dtype=None if dtype is ResultType.same else np.dtype(dtype.value),
        compression=compression,
        overwrite=overwrite,
        resume=resume,
        zarr=zarr_settings(ome_zarr, shard, pyramid),
    )
    with open_source(source, selection_of(channel, time, level)) as planes:
        results: Sink = create_sink(output, planes, settings)
        if uncertainty is not None:
            errors = create_sink(uncertainty, planes, replace(settings, dtype=np.dtype("float32")))
            results = PairedSink(results, errors)
        if chosen is None:
            start_tensorflow()
        from crispim_ij.denoising import DenoiseSettings, denoise_stack, load_denoiser
        from crispim_ij.denoising.denoiser import plan_tiles
        from crispim_ij.denoising.uncertainty import load_error_model
        from crispim_ij.models import find_model

        found, how = find_model(model), DenoiseSettings(precision.value, tile)
        uncertain = uncertainty is not None
        plan_tiles((planes.shape[1], planes.shape[2]), found.spec, how)
        if uncertain:
            load_error_model(found)
        denoiser = load_denoiser(model, how, uncertain=uncertain) if chosen is None else None
        results.record(
            {
                "command": "denoise",
                "the model's SHA-256": found.spec.sha256,
                "--precision": precision.value,
                "--tile": tile,
                "--uncertainty": uncertainty and str(uncertainty),
                "--channel": channel,
                "--time": time,
                "--level": level,
            }
        )
        with ExitStack() as stack:
            stack.enter_context(saying_what_is_kept(results))
            crew = stack.enter_context(crew_of(chosen)) if chosen is not None else None
            sink = stack.enter_context(results)
            bar = stack.enter_context(progress_bar("denoising", len(planes), "planes"))
            bar.advance(bar.task_ids[0], sum(sink.has(k) for k in range(len(planes))))
            done = partial(bar.advance, bar.task_ids[0])
            if denoiser is not None:
                denoise_stack(planes, sink, denoiser, done, denoiser.depth)
            elif crew is not None:
                from crispim_ij.cluster import denoise_on

                kinds = denoise_on(
                    crew,
                    planes,
                    sink,
                    found,
                    how,
                    uncertain=uncertain,
                    dtype=settings.dtype or planes.dtype,
                    on_done=done,
                    on_wait=showing_workers(bar, crew),
                )
                say_processors(kinds)
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)
