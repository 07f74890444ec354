"""A whole acquisition: a job for each stack of a tree, planned when its turn comes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.denoiser import check_options
from crispim_ij.denoising.uncertainty import load_error_model
from crispim_ij.errors import CrispimError, RunInterruptedError
from crispim_ij.jobs.acquisition_record import NAME, AcquisitionRecord, begin_record, lock_of
from crispim_ij.jobs.denoise import DenoiseJob, plan_denoising, recorded_settings
from crispim_ij.jobs.output import Output
from crispim_ij.jobs.preprocess import PreprocessJob, plan_preprocessing
from crispim_ij.models import find_model
from crispim_ij.noise import NoiseOptions, StackNoise
from crispim_ij.noise.channel_noise import ChannelNoise, kind_of, look_at_channel
from crispim_ij.noise.measure import measure_noise_over
from crispim_ij.noise.suitability import misfits
from crispim_ij.parity import Engine
from crispim_ij.planes import Selection, SinkSettings, Source, Tree, check_output, open_stack
from crispim_ij.planes.atomic import make_folders, whole_file
from crispim_ij.planes.checks import TIFF_SUFFIXES, ZARR_SUFFIX, is_zarr, unreadable
from crispim_ij.planes.tree import ROOT, channel_of
from crispim_ij.preprocessing import PreprocessSettings

_SECONDS_OF_CLOCKS = 2
"""By which a drive may round a file's time of change."""

Job = TypeVar("Job", DenoiseJob, PreprocessJob)


@dataclass(frozen=True)
class Acquisition(Generic[Job]):
    """All that is known of a run over a tree before it begins.

    Attributes
    ----------
    tree : Tree
        The stacks, and the files beside them.
    outputs : tuple of Output
        Folders that get the same tree: of results, and of what else is made of each stack.
    selection : Selection
        Channels, time points and resolution that are read of each stack.
    recorded : mapping
        Options that decide what is written, JSON-ready under the names that users know.
    plan : callable
        Plans a job from an opened stack, its outputs and, where it is known, the noise.
    tell : callable or None
        Measures the noise of a channel, given its name, how many stacks it has, and some of
        them, opened, by their paths; None where nothing need be known.
    finish : callable
        Called with each job that is done.
    """

    tree: Tree
    outputs: tuple[Output, ...]
    selection: Selection
    recorded: Mapping[str, Any]
    plan: Callable[[Source, Sequence[Output], StackNoise | None], Job]
    tell: Callable[[str, int, Mapping[str, Source]], ChannelNoise] | None = None
    finish: Callable[[Job], object] = lambda _: None


@dataclass(frozen=True)
class Begun(Generic[Job]):
    """A stack whose outputs are open.

    `share` of it was finished before; `alone` says that its noise was measured on it alone.
    """

    path: str
    job: Job
    share: float
    alone: bool


@dataclass(frozen=True)
class Ended:
    """A stack that is done, was found finished, or failed.

    Attributes
    ----------
    path : str
        In the tree.
    state : {'done', 'skipped', 'failed'}
        What became of it.
    planes, kept : int
        How many it has, and how many of them an earlier run had finished.
    why : str or None
        Why it failed.
    facts : mapping
        Of its job, see `DenoiseJob.facts`; empty where there was none.
    """

    path: str
    state: Literal["done", "skipped", "failed"]
    planes: int
    kept: int
    why: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Copied:
    """The files beside the stacks: how many are in the output, and why others aren't."""

    count: int
    failed: Mapping[str, str]


Event = Copied | ChannelNoise | Begun[Job] | Ended | float
"""What is told of a run over a tree; a number is the share of a stack that was just done."""


def plan_denoising_of_tree(
    tree: Tree,
    outputs: Sequence[Output],
    model: str,
    settings: DenoiseSettings,
    told: NoiseOptions,
    options: Mapping[str, Any],
    selection: Selection,
) -> Acquisition[DenoiseJob]:
    """Plan to denoise each stack of a tree, and refuse what can be known to fail.

    See `crispim_ij.jobs.plan_denoising`. The noise is measured for each channel.
    """
    found = find_model(model)
    check_options(found.spec, told)
    if len(outputs) > 1:
        load_error_model(found)

    def plan(source: Source, written: Sequence[Output], noise: StackNoise | None) -> DenoiseJob:
        return plan_denoising(source, written, found, settings, told, options, noise)

    def tell(channel: str, count: int, sources: Mapping[str, Source]) -> ChannelNoise:
        opened = list(sources.values())
        measure = cache(lambda: measure_noise_over(opened))
        noise = None
        if found.spec.takes_noise:
            noise = StackNoise.of(told, measure(), learnt=found.spec.learnt_grain)
        problems = misfits(opened[0], found, measure)
        problems += noise.problems if noise else ()
        return ChannelNoise(
            channel, tuple(sources), count, kind_of(opened[0]), noise, tuple(problems)
        )

    recorded = recorded_settings(found, settings, told, options)
    return _checked(Acquisition(tree, tuple(outputs), selection, recorded, plan, tell))


def plan_preprocessing_of_tree(
    tree: Tree,
    outputs: Sequence[Output],
    settings: PreprocessSettings,
    engine: Callable[[], Engine],
    options: Mapping[str, Any],
    selection: Selection,
) -> Acquisition[PreprocessJob]:
    """Plan to preprocess each stack of a tree, and refuse what can be known to fail.

    See `crispim_ij.jobs.plan_preprocessing`. Each stack draws a seed of its own, or has the one
    that is given, as if it were alone.
    """
    opened = engine()

    def plan(source: Source, written: Sequence[Output], _: StackNoise | None) -> PreprocessJob:
        return plan_preprocessing(source, written, settings, lambda: opened, options)

    recorded = {
        "command": "preprocess",
        "ImageJ": [opened.version, opened.engine],
        **options,
        **settings.as_options(),
    }
    finish = PreprocessJob.write_records
    return _checked(Acquisition(tree, tuple(outputs), selection, recorded, plan, None, finish))


def do_acquisition(
    acquisition: Acquisition[Job], perform: Callable[[Job], Generator[float, None, None]]
) -> Generator[Event[Job], None, None]:
    """Do the job of each stack, one after another; one that fails stops no other.

    Parameters
    ----------
    acquisition : Acquisition
        What is to be done.
    perform : callable
        Does a job, such as `crispim_ij.jobs.denoise_locally`.

    Yields
    ------
    Event
        What happens. Closing the iterator ends the run as Ctrl-C does.

    Raises
    ------
    CrispimError
        If the run can't begin.
    """
    record = _record_of(acquisition)
    with record.kept():
        yield _copy_others(acquisition)
        yield from _each(acquisition, record, perform, record.save)


def check_acquisition(acquisition: Acquisition[Job]) -> Generator[Event[Job], None, None]:
    """Check each stack as `do_acquisition` would, but write nothing; parameters as there."""
    lock_of(acquisition.outputs[0].path).check()

    def check(job: Job) -> Generator[float, None, None]:
        for sink in job.sinks:
            sink.check()
        yield 0.0

    without = replace(acquisition, finish=lambda _: None)
    yield from _each(without, _record_of(acquisition), check, lambda: None)


def _record_of(acquisition: Acquisition[Any]) -> AcquisitionRecord:
    """Begin the record of a run, or find that of the one that is resumed."""
    first = acquisition.outputs[0]
    return begin_record(
        first.path,
        acquisition.tree.path,
        {**acquisition.recorded, "output": _output_options(first.settings)},
        acquisition.tree.stacks,
        resume=first.settings.resume,
        overwrite=first.settings.overwrite,
    )


def _output_options(settings: SinkSettings) -> dict[str, Any]:
    """Return what decides how planes are written."""
    zarr = settings.zarr
    return {
        "--dtype": "same" if settings.dtype is None else str(np.dtype(settings.dtype)),
        "--compression": settings.compression.value,
        "--ome-zarr": zarr.version,
        "--shard": zarr.shard,
        "--pyramid": zarr.pyramid,
    }


def _each(
    acquisition: Acquisition[Job],
    record: AcquisitionRecord,
    perform: Callable[[Job], Generator[float, None, None]],
    save: Callable[[], None],
) -> Generator[Event[Job], None, None]:
    """Do or check each stack."""
    noises: dict[str, ChannelNoise | None] = {}
    for path in acquisition.tree.stacks:
        channel = channel_of(path)
        if channel not in noises:
            noises[channel] = found = _noise_of(acquisition, channel, record)
            save()
            if found is not None:
                yield found
        ended = yield from _stack(acquisition, path, noises[channel], perform)
        if ended.state == "failed":
            record.note(path, "failed", why=ended.why)
        else:
            record.note(path, "finished", planes=ended.planes)
        save()
        yield ended


def _stack(
    acquisition: Acquisition[Job],
    path: str,
    known: ChannelNoise | None,
    perform: Callable[[Job], Generator[float, None, None]],
) -> Generator[Event[Job], None, Ended]:
    """Do a stack's job, whatever becomes of it."""
    facts: Mapping[str, Any] = {}
    planes = kept = 0
    try:
        with open_stack(acquisition.tree, path, acquisition.selection) as source:
            planes = len(source)
            fits = known is not None and known.kind == kind_of(source)
            noise = known.noise if known is not None and fits else None
            job = acquisition.plan(source, outputs_of(acquisition, path), noise)
            facts = job.facts()
            alone = acquisition.tell is not None and not fits
            with closing(perform(job)) as steps:
                next(steps)  # opens the outputs
                finished = job.finished()
                kept = sum(share == 1 for share in finished)
                yield Begun(path, job, sum(finished) / planes, alone)
                for share in steps:
                    yield share / planes
            acquisition.finish(job)
    except RunInterruptedError:
        raise
    except (CrispimError, MemoryError, OSError) as error:
        why = str(error) or "there is not enough memory for it"
        return Ended(path, "failed", planes, kept, why, facts)
    return Ended(path, "skipped" if kept == planes else "done", planes, kept, None, facts)


def _noise_of(
    acquisition: Acquisition[Any], channel: str, record: AcquisitionRecord
) -> ChannelNoise | None:
    """Return what is recorded of a channel's noise, or measure it and record it."""
    if acquisition.tell is None:
        return None
    if channel in record.noise:
        return ChannelNoise.from_record(channel, record.noise[channel])
    count = len(acquisition.tree.channels[channel])
    tell = partial(acquisition.tell, channel, count)
    found = look_at_channel(acquisition.tree, channel, acquisition.selection, tell)
    if found is not None:
        record.noise[channel] = found.as_record()
    return found


def outputs_of(acquisition: Acquisition[Any], stack: str) -> list[Output]:
    """Return where the results of a stack go: to its path in the tree, and what it is."""
    as_zarr = is_zarr(acquisition.tree.path / stack)
    return [
        replace(output, path=_place(output.path, stack, as_zarr=as_zarr))
        for output in acquisition.outputs
    ]


def _place(folder: Path, stack: str, *, as_zarr: bool) -> Path:
    """Return a stack's place in an output; a name that ends in .zarr makes an OME-Zarr."""
    path = folder / stack
    if as_zarr and path.suffix.lower() != ZARR_SUFFIX:
        return path.with_name(path.name + ZARR_SUFFIX)
    return path


# Outputs


def _checked(acquisition: Acquisition[Job]) -> Acquisition[Job]:
    """Refuse outputs that can be known to be wrong before a stack is opened."""
    tree, folders = acquisition.tree, [output.path for output in acquisition.outputs]
    for folder in folders:
        _check_folder(folder, tree.path)
    for one, other in pairwise(folders):
        _check_two(one, other)
    places: dict[Path, str] = {}
    for stack in tree.stacks:
        _check_kind(tree.path / stack)
        place = outputs_of(acquisition, stack)[0].path
        if place in places:
            raise CrispimError(
                f"'{places[place]}' and '{stack}' would both be written to '{place}': rename one."
            )
        places[place] = stack
    _record_of(acquisition)
    settings = acquisition.outputs[0].settings
    if not settings.overwrite and not (folders[0] / NAME).exists():
        _check_new(acquisition, resume=settings.resume)
    return acquisition


def _check_folder(folder: Path, source: Path) -> None:
    """Refuse an output that can't hold a tree, or isn't apart from the input."""
    if folder.suffix.lower() in (*TIFF_SUFFIXES, ZARR_SUFFIX):
        raise CrispimError(
            f"'{source}' is a tree of stacks, and the output '{folder}' is named like one stack: "
            "give a folder, or one of the stacks as the input."
        )
    check_output(folder, [], source, overwrite=True)
    if folder.resolve() in source.resolve().parents:
        raise CrispimError(
            f"the output '{folder}' holds the input '{source}': give an output outside of it."
        )


def _check_two(one: Path, other: Path) -> None:
    """Refuse two outputs of which one is the other or lies in it."""
    here, there = one.resolve(), other.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise CrispimError(
            f"'{one}' and '{other}' are to hold a tree each, and one is the other or lies in it: "
            "name another for one."
        )


def _check_kind(stack: Path) -> None:
    """Refuse a folder of planes that would be written as a file, because of its name."""
    if stack.suffix.lower() in TIFF_SUFFIXES and stack.is_dir() and not is_zarr(stack):
        raise CrispimError(
            f"'{stack}' is a folder of planes that is named like a file, and so would its output "
            "be: rename it."
        )


def _check_new(acquisition: Acquisition[Any], *, resume: bool) -> None:
    """Refuse to replace results, unless their own journals may resume them, and other files."""
    tree = acquisition.tree
    # Of planes in the outermost folder itself it is seen when their turn comes.
    stacks = [] if resume else [stack for stack in tree.stacks if stack != ROOT]
    results = (one.path for stack in stacks for one in outputs_of(acquisition, stack))
    taken = [place for place in results if place.exists() and not _is_empty(place)]
    for output in acquisition.outputs:
        copies = ((tree.path / other, output.path / other) for other in tree.others)
        taken += [copy for other, copy in copies if copy.exists() and not _is_copy(copy, other)]
    if taken:
        raise CrispimError(
            f"'{taken[0]}' exists already: give another output, or --overwrite to replace it."
        )


def _is_empty(place: Path) -> bool:
    """Whether a place is a folder that holds nothing."""
    return place.is_dir() and not any(place.iterdir())


def _copy_others(acquisition: Acquisition[Any]) -> Copied:
    """Copy the files that belong to no stack, where they aren't there already."""
    tree = acquisition.tree
    failed: dict[str, str] = {}
    for other in tree.others:
        for output in acquisition.outputs:
            try:
                _copy(tree.path / other, output.path / other)
            except CrispimError as error:
                failed[other] = str(error)
    return Copied(len(tree.others) - len(failed), failed)


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its time of change, unless that has been done."""
    if not os.access(source, os.R_OK):
        raise unreadable(source)
    if _is_copy(target, source):
        return
    make_folders(target.parent)
    with whole_file(target) as part:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)


def _is_copy(target: Path, source: Path) -> bool:
    """Whether a file has another's size and time of change."""
    if not target.is_file():
        return False
    here, there = target.stat(), source.stat()
    seconds = abs(here.st_mtime - there.st_mtime)
    return here.st_size == there.st_size and seconds <= _SECONDS_OF_CLOCKS
