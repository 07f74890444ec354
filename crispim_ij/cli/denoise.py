"""`crispim-ij denoise`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.acquisition import (
    refuse_profile,
    show_acquisition,
    show_dry_acquisition,
    tree_of,
)
from crispim_ij.cli.console import print_json, say, start_tensorflow
from crispim_ij.cli.options import (
    ClusterOptions,
    ModelName,
    Noise,
    Only,
    OutputOptions,
    Packing,
    PrecisionName,
    ReportOptions,
    SelectionOptions,
    Strength,
    Tile,
    TreeInput,
    Workers,
    with_groups,
)
from crispim_ij.cli.outcome import (
    by_earlier,
    check_profile,
    connected,
    opened_source,
    print_dry_run,
    refuse_lone_workers,
    say_noise,
    say_problems,
    say_processors,
    show_job,
    write_profile,
)
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Compression, Tree, renaming
from crispim_ij.planes.provenance import denoised_already
from crispim_ij.profiling import Clock

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterClient, ClusterSettings
    from crispim_ij.jobs import Acquisition, DenoiseJob
    from crispim_ij.noise import NoiseOptions


class ResultType(StrEnum):
    """Pixel types that results can be written in."""

    same = "same"
    uint8 = "uint8"
    uint16 = "uint16"
    float32 = "float32"


@with_groups
def denoise(
    source: TreeInput,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder for the denoised planes, a .tif file for a stack, or a .zarr; of a tree, "
            "a folder for the same tree.",
        ),
    ],
    *,
    only: Only = None,
    model: ModelName = "crispim-2d",
    noise: Noise = "auto",
    strength: Strength = 1.0,
    adapt: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="First adapt the model to these planes, for about so many minutes, as "
            "`crispim-ij adapt` does; the adapted model is written beside OUTPUT. "
            "[default: not adapted]",
        ),
    ] = None,
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
    """Denoise a folder of planes, a stack, an OME-Zarr, or a whole acquisition of these.

    File names, pixel size, display range and other metadata are kept. A run that was stopped or
    killed is continued by --resume. Of a tree of folders each stack is denoised on its own, into
    the same tree, and other files are copied.

    Example: `crispim-ij denoise scan/ denoised/ --precision bfloat16`
    """
    import numpy as np

    from crispim_ij.denoising import DenoiseSettings
    from crispim_ij.jobs import Output, plan_denoising, plan_denoising_of_tree
    from crispim_ij.noise import NoiseOptions, parse_noise, tell_noise

    started = perf_counter()
    dask = cluster.settings(workers)
    if dask is None:
        refuse_lone_workers(workers)
    settings = writing.sink_settings(
        compression, None if dtype is ResultType.same else np.dtype(dtype.value)
    )
    told = NoiseOptions(parse_noise(noise), strength)
    outputs = [Output(path, settings) for path in (output, uncertainty) if path is not None]
    how = DenoiseSettings(precision.value, tile)
    options = {"--noise": noise, **selection.as_record()}
    chosen = selection.selection()
    tree = tree_of(source, only, selection)
    if tree is not None:
        _refuse_for_tree(tree, report, adapt)
        whole = plan_denoising_of_tree(tree, outputs, model, how, told, options, chosen)
        _denoise_tree(whole, dask, report)
        return
    with opened_source(source, chosen) as planes:
        check_profile(report.profile, planes.path, on_workers=dask is not None)
        known = None if adapt is None else tell_noise(planes, told, learnt=())
        job = plan_denoising(planes, outputs, model, how, told, options, known)
        if adapt is not None:
            job = _adapted(job, adapt, told, options, dry=report.dry_run)
        _say_notes(job, quiet=report.as_json)
        facts = job.facts()
        if report.dry_run:
            job.sink.check()
            print_dry_run({**facts, "dry run": True}, as_json=report.as_json)
            return
        clock = Clock()
        with _denoising(dask, clock) as (perform, client):
            kept = show_job(job, "denoising", perform(job), client)
        if report.profile is not None:
            write_profile(report.profile, clock.profile(), len(planes) - kept, facts, job.recorded)
    if report.as_json:
        print_json({**facts, "kept": kept, "seconds": perf_counter() - started})
        return
    _say_written(len(planes), kept, output, uncertainty)


def _say_written(planes: int, kept: int, output: Path, uncertainty: Path | None) -> None:
    """Say what there is now, for people."""
    say(f"{planes} denoised planes written to {output}{by_earlier(kept, planes)}")
    if uncertainty is not None:
        say(f"Their expected errors written to {uncertainty}")


def _adapted(
    job: DenoiseJob, minutes: float, told: NoiseOptions, options: dict[str, Any], *, dry: bool
) -> DenoiseJob:
    """Adapt a planned job's model to its planes, and plan it again with that."""
    from crispim_ij.cli.adapt import adapt_with_bar, say_adapted
    from crispim_ij.jobs import plan_denoising
    from crispim_ij.training import AdaptSettings, check_adaptable, check_place

    output, *_ = job.outputs
    settings, folder = AdaptSettings(minutes), adapted_folder(output.path)
    check_adaptable(job.model)
    assert job.noise is not None
    resume = output.settings.resume
    check_place(folder, resume=resume, overwrite=output.settings.overwrite)
    if dry:
        return job
    if not resume:
        job.sink.check()
    adapted = adapt_with_bar(job.source, job.model, folder, settings, job.noise, resume=resume)
    say_adapted(adapted, job.model)
    options = {**options, "--adapt": minutes}
    return plan_denoising(
        job.source, job.outputs, adapted.model, job.settings, told, options, job.noise
    )


def adapted_folder(output: Path) -> Path:
    """Return where the model is written that was adapted for an output."""
    return output.with_name(f"{output.name}.model")


def _refuse_for_tree(tree: Tree, report: ReportOptions, minutes: float | None) -> None:
    """Refuse options that mean nothing for a tree of stacks."""
    refuse_profile(report)
    if minutes is not None:
        raise CrispimError(
            f"'{tree.path}' is a tree of stacks, and a model is adapted to one of them (--adapt): "
            f"adapt it by `crispim-ij adapt {tree.path / tree.stacks[0]} MODEL`, and denoise the "
            "tree by --model MODEL."
        )


def _denoise_tree(
    acquisition: Acquisition[DenoiseJob], settings: ClusterSettings | None, report: ReportOptions
) -> None:
    """Denoise the stacks of a tree here or on many workers, or say what that would do."""
    if report.dry_run:
        show_dry_acquisition(acquisition, report)
        return
    with _denoising(settings, Clock()) as (perform, client):
        show_acquisition(acquisition, "denoising", perform, report, client)


@contextmanager
def _denoising(
    settings: ClusterSettings | None, clock: Clock
) -> Iterator[tuple[Callable[[DenoiseJob], Generator[float, None, None]], ClusterClient | None]]:
    """Yield what denoises a job, in this process or on many workers, and the workers."""
    if settings is None:
        from crispim_ij.jobs import denoise_locally

        with clock.measure("starting"):
            start_tensorflow()
        yield partial(denoise_locally, clock=clock), None
        return
    from crispim_ij.cluster import denoise_on

    with connected(settings) as client:
        yield partial(denoise_on, client), client
        say_processors(client.processors)


def _say_notes(job: DenoiseJob, *, quiet: bool) -> None:
    """Say what the model is told, why the planes don't suit it, and which files are renamed."""
    from crispim_ij.noise.suitability import misfits

    say_problems(denoised_already(job.source))
    if job.noise is not None:
        say_noise(job.noise, quiet=quiet)
    say_problems(misfits(job.source, job.model))
    renamed = (renaming(one.path, job.source, one.settings) for one in job.outputs)
    say_problems([sentence for sentence in renamed if sentence])
