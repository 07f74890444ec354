"""`crispim-ij preprocess`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import console, progress_bar
from crispim_ij.cli.options import Input, Overwrite, Packing, parse_noise_sd
from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, Interpolation, open_gateway
from crispim_ij.planes import Compression, SinkSettings, create_sink, open_source


def preprocess(
    source: Input,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="Folder for the noisy planes, or a .tif file for a stack."
        ),
    ],
    fiji: Annotated[
        bool,
        typer.Option(
            "--fiji",
            show_default=False,
            help="Compute in ImageJ: the embedded 1.53q, or the Fiji of --fiji-home. So far this "
            "is the only engine, with or without the flag.",
        ),
    ] = True,
    fiji_home: Annotated[
        str | None,
        typer.Option(
            envvar="CRISPIM_FIJI",
            metavar="PATH|ENDPOINT",
            help="Folder of your own Fiji, or a Maven endpoint such as sc.fiji:fiji, to use "
            "instead of the embedded ImageJ.",
        ),
    ] = None,
    heap: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Largest Java heap, such as 2g or 512m; by default a quarter of the memory.",
        ),
    ] = None,
    factor: Annotated[
        float,
        typer.Option(help="Factor by which width and height shrink, each rounded to whole px."),
    ] = 4.0,
    interpolation: Annotated[
        Interpolation, typer.Option(help="ImageJ's interpolation method.")
    ] = Interpolation.BILINEAR,
    average: Annotated[
        bool,
        typer.Option("--average/--no-average", help="ImageJ's 'Average when downsizing'."),
    ] = True,
    noise_sd: Annotated[
        str,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the noise in counts, or a range from which each plane "
            "draws its own; 0 adds none.",
        ),
    ] = "30",
    seed: Annotated[
        int | None,
        typer.Option(
            help="Plane k, from 0, is seeded with SEED + k. Drawn at random, and recorded, "
            "where it is not given.",
        ),
    ] = None,
    seed_stack: Annotated[
        bool,
        typer.Option(
            "--seed-stack",
            help="Seed once and let one stream run through all planes, as ImageJ does.",
        ),
    ] = False,
    clean: Annotated[
        Path | None,
        typer.Option(help="Also write the downsampled planes without noise, to this place."),
    ] = None,
    compression: Packing = Compression.NONE,
    overwrite: Overwrite = False,
) -> None:
    """Downsample planes and add noise, with ImageJ's own pixels.

    What ImageJ's `Size...` and then `Add Specified Noise...` make of each plane. Settings, seeds
    and ImageJ's version are written beside the result, to crispim-preprocess.json.
    """
    from crispim_ij import preprocess as job

    del fiji  # The only engine there is; with a second one the flag will choose.
    settings = job.PreprocessSettings(
        factor, interpolation, average, parse_noise_sd(noise_sd), seed, seed_stack
    )
    if clean is not None and clean.resolve() == output.resolve():
        raise CrispimError(f"The clean planes (--clean) can't go to the output {output} itself.")
    with open_source(source) as planes:
        job.plan_noise(planes, settings)
        size = job.target_size(planes.shape[1:], factor)
        sink_settings = SinkSettings(compression=compression, overwrite=overwrite, plane_shape=size)
        with ExitStack() as sinks:
            noisy_sink = sinks.enter_context(create_sink(output, planes, sink_settings))
            clean_sink = (
                sinks.enter_context(create_sink(clean, planes, sink_settings)) if clean else None
            )
            gateway = open_gateway(GatewaySettings(fiji_home or None, heap))
            with progress_bar("preprocessing", len(planes), "planes") as bar:
                record = job.preprocess(
                    planes,
                    noisy_sink,
                    clean_sink,
                    settings,
                    gateway,
                    lambda: bar.advance(bar.task_ids[0]),
                )
    written = job.write_record(record, output)
    also = f", without noise to {clean}" if clean else ""
    if clean:
        job.write_record(record, clean, noisy=False)
    console.print(
        f"{len(planes)} planes of {size[1]} x {size[0]} px written to {output}{also}; "
        f"settings and seeds in {written}",
        soft_wrap=True,
    )
