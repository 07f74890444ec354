"""`crispim-ij denoise`."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from crispim_ij.cli.cluster import refuse_lone_workers
from crispim_ij.cli.console import console, print_json
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
from crispim_ij.cli.outcome import output_facts, planes_facts, print_dry_run
from crispim_ij.cli.profile import NO_PROFILE_OF_OTHERS, write_profile
from crispim_ij.errors import CrispimError
from crispim_ij.planes import (
    Compression,
    PairedSink,
    Sink,
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
    settings = writing.sink_settings(
        compression, None if dtype is ResultType.same else np.dtype(dtype.value)
    )
    chosen = cluster.settings(workers)
    if chosen is None:
        refuse_lone_workers(workers)
    if chosen is not None and report.profile is not None:
        raise CrispimError(NO_PROFILE_OF_OTHERS)
    told = NoiseOptions(parse_noise(noise), strength)
    with open_source(source, selection.selection()) as planes:
        if report.profile is not None:
            check_output(report.profile, None, planes.path, overwrite=True)
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
        work = replace(
            work, noise=plan_noise(work, output, told, resume=writing.resume, quiet=report.as_json)
        )
        options = {
            "command": "denoise",
            "the model's SHA-256": work.model.spec.sha256,
            "--precision": precision.value,
            "--tile": tile,
            "--noise": noise,
            "--strength": strength,
            NOISE_RECORD: work.noise and work.noise.as_record(),
            "--uncertainty": uncertainty and str(uncertainty),
            **selection.as_record(),
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
        if report.dry_run:
            results.check()
            print_dry_run({**facts, "dry run": True}, as_json=report.as_json)
            return
        clock = Clock()
        kept = denoise_here(work, clock) if chosen is None else denoise_there(work, chosen)
        if report.profile is not None:
            write_profile(report.profile, clock.profile(), len(planes) - kept, facts, options)
    if report.as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    console.print(f"{len(planes)} denoised planes written to {output}", soft_wrap=True)
    if uncertainty is not None:
        console.print(f"Their expected errors written to {uncertainty}", soft_wrap=True)
