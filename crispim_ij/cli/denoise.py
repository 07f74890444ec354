"""`crispim-ij denoise`."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from crispim_ij.cli.cluster import (
    Cluster,
    Scheduler,
    Workers,
    cluster_of,
    refuse_lone_workers,
)
from crispim_ij.cli.console import console, print_json
from crispim_ij.cli.options import (
    AsJson,
    Channel,
    DryRun,
    Input,
    Level,
    ModelName,
    Noise,
    OmeZarr,
    Overwrite,
    Packing,
    PrecisionName,
    ProfileFile,
    Pyramid,
    Resume,
    Shard,
    Strength,
    Tile,
    Time,
    refuse_both,
    selection_of,
    zarr_settings,
)
from crispim_ij.cli.outcome import output_facts, planes_facts, print_dry_run
from crispim_ij.cli.profile import NO_PROFILE_OF_OTHERS, write_profile
from crispim_ij.errors import CrispimError
from crispim_ij.planes import (
    Compression,
    PairedSink,
    Sink,
    SinkSettings,
    create_sink,
    open_source,
)
from crispim_ij.planes.output_checks import check_output
from crispim_ij.profiling import Clock


class ResultType(StrEnum):
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
    noise: Noise = "auto",
    strength: Strength = 1.0,
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
    dry_run: DryRun = False,
    as_json: AsJson = False,
    profile: ProfileFile = None,
) -> None:
    """Denoise a folder of planes, a stack or an OME-Zarr.

    File names, pixel size, display range and other metadata are kept. A run that is stopped or
    killed can be gone on with by --resume.

    Example: `crispim-ij denoise scan/ denoised/ --precision bfloat16`
    """
    import numpy as np

    from crispim_ij.cli.denoise_run import (
        NOISE_RECORD,
        Denoising,
        denoise_here,
        denoise_there,
        plan_noise,
    )
    from crispim_ij.denoising import DenoiseSettings
    from crispim_ij.models import find_model
    from crispim_ij.noise import NoiseOptions, parse_noise

    started = perf_counter()
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
    if chosen is not None and profile is not None:
        raise CrispimError(NO_PROFILE_OF_OTHERS)
    told = NoiseOptions(parse_noise(noise), strength)
    with open_source(source, selection_of(channel, time, level)) as planes:
        if profile is not None:
            check_output(profile, None, planes.path, overwrite=True)
        outputs = [(output, planes, settings)]
        results: Sink = create_sink(output, planes, settings)
        if uncertainty is not None:
            outputs.append((uncertainty, planes, replace(settings, dtype=np.dtype("float32"))))
            results = PairedSink(results, create_sink(*outputs[1]))
        work = Denoising(
            planes,
            results,
            settings.dtype or planes.dtype,
            find_model(model),
            DenoiseSettings(precision.value, tile),
            uncertain=uncertainty is not None,
        )
        work.check()
        work = replace(work, noise=plan_noise(work, output, told, resume=resume, quiet=as_json))
        options = {
            "command": "denoise",
            "the model's SHA-256": work.model.spec.sha256,
            "--precision": precision.value,
            "--tile": tile,
            "--noise": noise,
            "--strength": strength,
            NOISE_RECORD: work.noise and work.noise.as_record(),
            "--uncertainty": uncertainty and str(uncertainty),
            "--channel": channel,
            "--time": time,
            "--level": level,
        }
        results.record(options)
        facts = {
            "input": planes_facts(planes),
            "outputs": [output_facts(*one) for one in outputs],
            "model": {"name": work.model.spec.name, "sha256": work.model.spec.sha256},
            "noise": work.noise and work.noise.as_record(),
            "precision": precision.value,
            "tile": tile,
        }
        if dry_run:
            results.check()
            print_dry_run({**facts, "dry run": True}, as_json=as_json)
            return
        clock = Clock()
        kept = denoise_here(work, clock) if chosen is None else denoise_there(work, chosen)
        if profile is not None:
            write_profile(profile, clock.profile(), len(planes) - kept, facts, options)
    if as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)
