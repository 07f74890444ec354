"""`crispim-ij preprocess`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from crispim_ij.cli.check import check_pixels
from crispim_ij.cli.console import console, print_json
from crispim_ij.cli.options import (
    ClusterOptions,
    FijiHome,
    Heap,
    OutputOptions,
    Packing,
    ReportOptions,
    SelectionOptions,
    parse_noise_sd,
    with_groups,
)
from crispim_ij.cli.outcome import output_facts, planes_facts, print_dry_run
from crispim_ij.cli.profile import NO_PROFILE_OF_OTHERS, write_profile
from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, open_gateway
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import Compression, create_sink, open_source, recorded_options
from crispim_ij.planes.output_checks import check_output
from crispim_ij.profiling import Clock


@with_groups
def preprocess(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Folder of TIFF planes, a TIFF stack, or a .zarr (OME-Zarr). Needed, but for "
            "--check.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUTPUT",
            show_default=False,
            help="Folder for the noisy planes, a .tif file for a stack, or a .zarr. Needed, but "
            "for --check.",
        ),
    ] = None,
    *,
    native: Annotated[
        bool,
        typer.Option(
            "--native/--fiji",
            help="Compute here, without Java, or in ImageJ: the embedded 1.53q, or the Fiji of "
            "--fiji-home. The pixels are the same.",
        ),
    ] = True,
    fiji_home: FijiHome = None,
    heap: Heap = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=1,
            help="Threads that compute, or with --cluster worker processes. The pixels do not "
            "depend on their number. [default: 4, or one a core where there are fewer; with "
            "--cluster as for `denoise`]",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing, but compare native with ImageJ on some planes of INPUT, with "
            "these options; without INPUT, on built-in hard cases.",
        ),
    ] = False,
    factor: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="Factor by which width and height shrink, each rounded to whole px.",
        ),
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
            metavar="SEED",
            help="Whole number; plane k, counted from 0, is seeded with SEED + k. [default: drawn "
            "at random, and recorded]",
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
        typer.Option(
            metavar="OUTPUT",
            help="Also write the downsampled planes without noise, to this place. "
            "[default: not written]",
        ),
    ] = None,
    compression: Packing = Compression.NONE,
    selection: SelectionOptions,
    writing: OutputOptions,
    cluster: ClusterOptions,
    report: ReportOptions,
) -> None:
    """Downsample planes and add noise, with ImageJ's own pixels.

    What ImageJ's `Size...` and then `Add Specified Noise...` make of each plane, with or without
    ImageJ. Settings, seeds and ImageJ's version are written beside the result, to
    crispim-preprocess.json. A run that is stopped or killed can be gone on with by --resume.

    Example: `crispim-ij preprocess brain/ noisy/ --noise-sd 30 --seed 1 --clean clean/`
    """
    from crispim_ij import preprocess as job
    from crispim_ij.cli.preprocess_run import Preprocessing, preprocess_here, preprocess_there

    started = perf_counter()
    settings = job.PreprocessSettings(
        factor, interpolation, average, parse_noise_sd(noise_sd), seed, seed_stack
    )
    imagej = GatewaySettings(fiji_home or None, heap)
    if check:
        check_pixels(source, [settings], imagej)
        return
    chosen = cluster.settings(workers)
    if native:
        _refuse_options_of_imagej(imagej)
    elif chosen is not None:
        raise CrispimError(
            "--fiji computes in one ImageJ, and --scheduler and --cluster on many workers: leave "
            "--fiji out, whose pixels are the same."
        )
    if source is None or output is None:
        raise CrispimError("INPUT and OUTPUT are needed: say what to preprocess, and where to.")
    if clean is not None and clean.resolve() == output.resolve():
        raise CrispimError(f"The clean planes (--clean) can't go to the output {output} itself.")
    sink_settings = writing.sink_settings(compression)
    if writing.resume and seed is None:
        # What was drawn when the run was begun.
        settings = replace(settings, seed=recorded_options(output).get("--seed"))
    if report.profile is not None and chosen is not None:
        raise CrispimError(NO_PROFILE_OF_OTHERS)
    with open_source(source, selection.selection()) as planes:
        if report.profile is not None:
            check_output(report.profile, None, planes.path, overwrite=True)
        noises = job.plan_noise(planes, settings)
        settings = replace(settings, seed=noises[0].seed)
        size = job.target_size(planes.shape[1:], factor)
        sink_settings = replace(sink_settings, plane_shape=size)
        work = Preprocessing(
            planes,
            create_sink(output, planes, sink_settings),
            create_sink(clean, planes, sink_settings) if clean else None,
            settings,
            NativeImageJ() if native else open_gateway(imagej),
        )
        work.record({"command": "preprocess", **selection.as_record()})
        facts = {
            "input": planes_facts(planes),
            "outputs": [
                output_facts(path, planes, sink_settings) for path in (output, clean) if path
            ],
            "engine": {"name": work.engine.engine, "ImageJ": work.engine.version},
        }
        if report.dry_run:
            work.check()
            print_dry_run({**facts, "dry run": True}, as_json=report.as_json)
            return
        clock = Clock()
        if chosen is None:
            record, kept = preprocess_here(work, workers, clock)
        else:
            record, kept = preprocess_there(work, chosen)
        if report.profile is not None:
            write_profile(
                report.profile, clock.profile(), len(planes) - kept, facts, settings.as_options()
            )
    written = job.write_record(record, output)
    also = f", without noise to {clean}" if clean else ""
    if clean:
        job.write_record(record, clean, noisy=False)
    if report.as_json:
        about = {"settings": settings.as_options(), "record": written}
        print_json({**facts, **about, "seconds": perf_counter() - started})
        return
    console.print(
        f"{len(planes)} planes of {size[1]} x {size[0]} px written to {output}{also}; "
        f"settings and seeds in {written}",
        soft_wrap=True,
    )


def _refuse_options_of_imagej(imagej: GatewaySettings) -> None:
    """Refuse what only means something with --fiji; the variable CRISPIM_FIJI may stay set."""
    chosen = imagej.fiji_home and imagej.fiji_home != os.environ.get("CRISPIM_FIJI")
    if chosen or imagej.heap:
        raise CrispimError(
            f"{'--fiji-home' if chosen else '--heap'} is for ImageJ, which computes only with "
            "--fiji: add that, or leave it out."
        )
