"""`crispim-ij denoise`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.cluster import connected, refuse_lone_workers, say_processors
from crispim_ij.cli.console import console, print_json, start_tensorflow
from crispim_ij.cli.options import (
    ClusterOptions,
    Input,
    ModelName,
    Noise,
    OutputOptions,
    Packing,
    PrecisionName,
    ReportOptions,
    SelectionOptions,
    Strength,
    Tile,
    Workers,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source, print_dry_run, say_noise, say_problems, show_job
from crispim_ij.cli.profile import check_profile, write_profile
from crispim_ij.planes import Compression
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterSettings
    from crispim_ij.jobs import DenoiseJob


class ResultType(StrEnum):
    """Pixel types that results can be written in."""

    same = "same"
    uint8 = "uint8"
    uint16 = "uint16"
    float32 = "float32"


@with_groups
def denoise(
    source: Input,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder for the denoised planes, a .tif file for a stack, or a .zarr.",
        ),
    ],
    *,
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
    selection: SelectionOptions,
    writing: OutputOptions,
    cluster: ClusterOptions,
    workers: Workers = None,
    report: ReportOptions,
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
    dask = cluster.settings(workers)
    if dask is None:
        refuse_lone_workers(workers)
    settings = writing.sink_settings(
        compression, None if dtype is ResultType.same else np.dtype(dtype.value)
    )
    told = NoiseOptions(parse_noise(noise), strength)
    with opened_source(source, selection.selection()) as planes:
        check_profile(report.profile, planes.path, on_workers=dask is not None)
        job = plan_denoising(
            planes,
            [Output(path, settings) for path in (output, uncertainty) if path is not None],
            model,
            DenoiseSettings(precision.value, tile),
            told,
            {"--noise": noise, **selection.as_record()},
        )
        _say_noise(job, quiet=report.as_json)
        facts = job.facts()
        if report.dry_run:
            job.sink.check()
            print_dry_run({**facts, "dry run": True}, as_json=report.as_json)
            return
        clock = Clock()
        kept = _run_here(job, clock) if dask is None else _run_on_dask(job, dask)
        if report.profile is not None:
            write_profile(report.profile, clock.profile(), len(planes) - kept, facts, job.recorded)
    if report.as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)


def _say_noise(job: DenoiseJob, *, quiet: bool) -> None:
    """Say what the model is told, or why the planes don't suit it and which models they suit."""
    from crispim_ij.noise.suitability import misfits

    if job.noise is not None:
        say_noise(job.noise, quiet=quiet)
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
