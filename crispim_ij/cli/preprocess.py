"""`crispim-ij preprocess`."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.acquisition import (
    refuse_profile,
    show_acquisition,
    show_dry_acquisition,
    tree_of,
)
from crispim_ij.cli.check import check_pixels
from crispim_ij.cli.console import print_json, say, warn
from crispim_ij.cli.options import (
    ClusterOptions,
    FijiHome,
    Heap,
    Only,
    OutputOptions,
    Packing,
    ReportOptions,
    SelectionOptions,
    parse_noise_sd,
    with_groups,
)
from crispim_ij.cli.outcome import (
    by_earlier,
    check_profile,
    connected,
    opened_source,
    print_dry_run,
    show_job,
    write_profile,
)
from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, open_gateway
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import Compression
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterClient, ClusterSettings
    from crispim_ij.jobs import Acquisition, PreprocessJob


@with_groups
def preprocess(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Folder of TIFF or PNG planes, a TIFF stack, a .zarr (OME-Zarr), or a tree of "
            "folders with many of these. Needed, but for --check.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUTPUT",
            show_default=False,
            help="Folder for the noisy planes, a .tif file for a stack, or a .zarr; of a tree, a "
            "folder for the same tree. Needed, but for --check.",
        ),
    ] = None,
    *,
    only: Only = None,
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
    crispim-preprocess.json. A run that was stopped or killed is continued by --resume.

    Example: `crispim-ij preprocess brain/ noisy/ --noise-sd 30 --seed 1 --clean clean/`
    """
    from crispim_ij.jobs import Output, plan_preprocessing, plan_preprocessing_of_tree
    from crispim_ij.preprocessing import PreprocessSettings

    started = perf_counter()
    settings = PreprocessSettings(
        factor, interpolation, average, parse_noise_sd(noise_sd), seed, seed_stack
    )
    imagej = GatewaySettings(fiji_home or None, heap)
    if check:
        check_pixels(source, [settings], imagej)
        return
    dask = cluster.settings(workers)
    _check_engine(imagej, native=native, on_workers=dask is not None)
    if source is None or output is None:
        raise CrispimError("INPUT and OUTPUT are needed: say what to preprocess, and where to.")
    if clean is not None and clean.resolve() == output.resolve():
        raise CrispimError(f"The clean planes (--clean) can't go to the output {output} itself.")
    written_as = writing.sink_settings(compression)
    outputs = [Output(path, written_as) for path in (output, clean) if path is not None]
    engine = NativeImageJ if native else partial(open_gateway, imagej)
    tree = tree_of(source, only, selection)
    if tree is not None:
        whole = plan_preprocessing_of_tree(
            tree, outputs, settings, engine, selection.as_record(), selection.selection()
        )
        _preprocess_tree(whole, dask, workers, report)
        return
    with opened_source(source, selection.selection()) as planes:
        check_profile(report.profile, planes.path, on_workers=dask is not None)
        job = plan_preprocessing(planes, outputs, settings, engine, selection.as_record())
        facts, options = job.facts(), job.settings.as_options()
        if report.dry_run:
            for sink in job.sinks:
                sink.check()
            print_dry_run({**facts, "dry run": True}, as_json=report.as_json)
            return
        clock = Clock()
        with _preprocessing(dask, workers, clock) as (perform, client):
            kept = show_job(job, "preprocessing", perform(job), client)
        if report.profile is not None:
            write_profile(report.profile, clock.profile(), len(planes) - kept, facts, options)
    written = job.write_records()
    if report.as_json:
        about = {"settings": options, "record": written}
        print_json({**facts, **about, "seconds": perf_counter() - started})
        return
    also = f", without noise to {clean}" if clean else ""
    say(
        f"{len(planes)} planes of {job.size[1]} x {job.size[0]} px written to {output}{also}"
        f"{by_earlier(kept, len(planes))}; settings and seeds in {written}"
    )


def _preprocess_tree(
    acquisition: Acquisition[PreprocessJob],
    settings: ClusterSettings | None,
    workers: int | None,
    report: ReportOptions,
) -> None:
    """Preprocess the stacks of a tree here or on many workers, or say what that would do."""
    refuse_profile(report)
    if acquisition.recorded["--seed"] is not None and acquisition.recorded["--noise-sd"] != [0, 0]:
        warn(
            "With --seed, planes of one number get the same noise in every stack: leave it out "
            "to have a seed drawn for each, which its record keeps."
        )
    if report.dry_run:
        show_dry_acquisition(acquisition, report)
        return
    with _preprocessing(settings, workers, Clock()) as (perform, client):
        show_acquisition(acquisition, "preprocessing", perform, report, client)


@contextmanager
def _preprocessing(
    settings: ClusterSettings | None, workers: int | None, clock: Clock
) -> Iterator[tuple[Callable[[PreprocessJob], Generator[float, None, None]], ClusterClient | None]]:
    """Yield what preprocesses a job, in this process or on many workers, and the workers."""
    if settings is None:
        from crispim_ij.jobs import preprocess_locally

        yield partial(preprocess_locally, threads=workers, clock=clock), None
        return
    from crispim_ij.cluster import preprocess_on

    with connected(settings) as client:
        yield partial(preprocess_on, client), client


def _check_engine(imagej: GatewaySettings, *, native: bool, on_workers: bool) -> None:
    """Refuse options of the other engine; the variable CRISPIM_FIJI may stay set."""
    if not native and on_workers:
        raise CrispimError(
            "--fiji computes in one ImageJ, and --scheduler and --cluster on many workers: leave "
            "--fiji out, whose pixels are the same."
        )
    chosen = imagej.fiji_home and imagej.fiji_home != os.environ.get("CRISPIM_FIJI")
    if native and (chosen or imagej.heap):
        raise CrispimError(
            f"{'--fiji-home' if chosen else '--heap'} is for ImageJ, which computes only with "
            "--fiji: add that, or leave it out."
        )
