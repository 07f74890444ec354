"""`crispim-ij denoise`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.cluster import (
    Cluster,
    Scheduler,
    Workers,
    cluster_of,
    connected,
    refuse_lone_workers,
    say_processors,
)
from crispim_ij.cli.console import console, print_json, start_tensorflow
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
from crispim_ij.cli.outcome import print_dry_run, say_noise, say_problems, show_job
from crispim_ij.cli.profile import check_profile, write_profile
from crispim_ij.planes import Compression, SinkSettings, open_source
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterSettings
    from crispim_ij.jobs import DenoiseJob


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

    File names, pixel size, display range and other metadata are kept. A run that was stopped or
    killed is continued by --resume.

    Example: `crispim-ij denoise scan/ denoised/ --precision bfloat16`
    """
    import numpy as np

    from crispim_ij.denoising import DenoiseSettings
    from crispim_ij.jobs import Output, plan_denoising
    from crispim_ij.noise import NoiseOptions, parse_noise

    started = perf_counter()
    refuse_both(overwrite=overwrite, resume=resume)
    dask = cluster_of(scheduler, cluster, workers)
    if dask is None:
        refuse_lone_workers(workers)
    settings = SinkSettings(
        dtype=None if dtype is ResultType.same else np.dtype(dtype.value),
        compression=compression,
        overwrite=overwrite,
        resume=resume,
        zarr=zarr_settings(ome_zarr, shard, pyramid),
    )
    told = NoiseOptions(parse_noise(noise), strength)
    with open_source(source, selection_of(channel, time, level)) as planes:
        check_profile(profile, planes.path, on_workers=dask is not None)
        job = plan_denoising(
            planes,
            [Output(path, settings) for path in (output, uncertainty) if path is not None],
            model,
            DenoiseSettings(precision.value, tile),
            told,
            {"--noise": noise, "--channel": channel, "--time": time, "--level": level},
        )
        _say_noise(job, quiet=as_json)
        facts = job.facts()
        if dry_run:
            job.sink.check()
            print_dry_run({**facts, "dry run": True}, as_json=as_json)
            return
        clock = Clock()
        kept = _run_here(job, clock) if dask is None else _run_on_dask(job, dask)
        if profile is not None:
            write_profile(profile, clock.profile(), len(planes) - kept, facts, job.recorded)
    if as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)


def _say_noise(job: DenoiseJob, *, quiet: bool) -> None:
    """Say what the model is told, or what it can't remove and which models can."""
    if job.noise is not None:
        say_noise(job.noise, quiet=quiet)
        return
    from crispim_ij.previewing.noise import misfits

    say_problems(misfits(job.source, job.model))


def _run_here(job: DenoiseJob, clock: Clock) -> int:
    """Denoise in this process; return how many planes were finished before."""
    from crispim_ij.jobs import denoise_locally

    with clock.measure("starting"):
        start_tensorflow()
    return show_job(job, "denoising", denoise_locally(job, clock))


def _run_on_dask(job: DenoiseJob, settings: ClusterSettings) -> int:
    """Denoise on many workers; return how many planes were finished before."""
    from crispim_ij.cluster import denoise_on

    with connected(settings) as client:
        kept = show_job(job, "denoising", denoise_on(client, job), client)
        say_processors(client.processors)
    return kept
