"""What runs over planes say: of noise, progress and workers, and by `--dry-run` and `--profile`."""

from __future__ import annotations

import platform
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import filesize

from crispim_ij import __version__
from crispim_ij.cli.console import (
    log,
    print_json,
    progress_bar,
    say,
    saying_what_is_kept,
    waiting,
    warn,
)
from crispim_ij.errors import CrispimError
from crispim_ij.machine import version_of
from crispim_ij.parity import IMAGEJ_VERSION
from crispim_ij.planes import Selection, Source, open_source
from crispim_ij.planes.atomic import json_ready, write_json
from crispim_ij.planes.checks import check_output
from crispim_ij.profiling import Profile, peak_memory

if TYPE_CHECKING:
    from crispim_ij.cluster import ClusterClient, ClusterSettings
    from crispim_ij.jobs import DenoiseJob, PreprocessJob
    from crispim_ij.noise import StackNoise

_PACKAGES = ("tensorflow", "keras", "numpy", "tifffile", "zarr", "pyimagej", "scyjava")


def show_job(
    job: DenoiseJob | PreprocessJob,
    what: str,
    steps: Generator[float, None, None],
    client: ClusterClient | None = None,
) -> int:
    """Show a bar, and the workers beside it, while `steps` do a job; see `jobs.denoise_locally`.

    Returns how many planes an earlier run had finished.
    """
    with saying_what_is_kept(*job.sinks), closing(steps):
        with waiting("starting"):
            next(steps)  # opens the outputs
        finished = job.finished()
        with progress_bar(what, len(finished), "planes") as bar:
            bar.advance(bar.task_ids[0], sum(finished))
            for share in steps:
                bar.advance(bar.task_ids[0], share)
                if client is not None:
                    bar.update(bar.task_ids[0], description=f"{what} {on_workers(client.workers)}")
    return sum(share == 1 for share in finished)


def by_earlier(kept: int, planes: int) -> str:
    """Say how many of the planes that are there now an earlier run has written."""
    if not kept:
        return ""
    return f", {'all' if kept == planes else kept} of them by an earlier run"


def on_workers(number: int) -> str:
    """Say how many workers there are."""
    return f"on {number} worker{'' if number == 1 else 's'}" if number else "(no worker yet)"


def say_noise(noise: StackNoise, *, quiet: bool = False) -> None:
    """Print what was measured, unless quiet, and why to mistrust it."""
    if not quiet:
        for line in noise.lines:
            say(line)
    say_problems(noise.problems)


def opened_source(path: Path, selection: Selection | None = None) -> Source:
    """Open planes, see `crispim_ij.planes.open_source`, and say what must be known of them."""
    source = open_source(path, selection)
    say_problems(source.notes)
    return source


def say_problems(problems: Sequence[str]) -> None:
    """Print sentences of warning."""
    for problem in problems:
        warn(problem)


def print_dry_run(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what a run would do.

    `facts` are ``inputs``, or one ``input``, and ``outputs``, as `crispim_ij.jobs.output` describes
    them; ``model`` and others that say how.
    """
    if as_json:
        print_json(facts)
        return
    from crispim_ij.report.numbers import shown_time

    outputs = facts["outputs"]
    for one in facts.get("inputs") or [facts["input"]]:
        say(f"Would read {in_words(one)}, from {one['path']}")
    for one in outputs:
        what = in_words(one) if "planes" in one else "a model"
        say(f"Would write {what}, to {one['path']}")
    say(f"Disk: {disk_in_words(outputs)}")
    for name in ("model", "engine", "network"):
        if name in facts:
            say(f"{name.capitalize()}: {', '.join(f'{k} {v}' for k, v in facts[name].items())}")
    if "seconds" in facts:
        say(f"Time: about {shown_time(facts['seconds'])} here, if the network never waits for data")
    say("Nothing was written.")


def in_words(facts: dict[str, Any]) -> str:
    """Say which planes there are, of what is read or written."""
    planes = f"{facts['planes']} plane{'s' * (facts['planes'] != 1)}"
    return f"{planes} of {facts['columns']} x {facts['rows']} px, {facts['type']}"


def disk_in_words(outputs: Sequence[dict[str, Any]]) -> str:
    """Say how much disk outputs need, in sum, and whether there is as much."""
    needed = sum(output["bytes"] for output in outputs)
    free = min(output["free"] for output in outputs)
    says = f"at most {filesize.decimal(needed)} are needed; {filesize.decimal(free)} are free"
    return says + (", which is too little" if needed > free else "")


def refuse_lone_workers(workers: int | None) -> None:
    """Refuse a number of workers where none are started."""
    if workers is not None:
        raise CrispimError(
            "--workers is how many processes --cluster starts: add that, or leave it out."
        )


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[ClusterClient]:
    """Find or start workers, and say where to watch them."""
    from crispim_ij.cluster import open_client

    with open_client(settings) as client:
        log(f"Dask dashboard: {client.dashboard}")
        yield client


def say_processors(kinds: set[str]) -> None:
    """Warn of pixels that may not be those of a run on one machine."""
    if len(kinds) > 1:
        log(
            f"Note: {len(kinds)} kinds of processors took part, between which the last bit of a "
            "floating-point result may differ; choose nodes of one kind where that matters."
        )


def check_profile(path: Path | None, source: Path, *, on_workers: bool) -> None:
    """Refuse a profile that can't be measured or written."""
    if path is None:
        return
    if on_workers:
        raise CrispimError(
            "--profile measures this process, and --scheduler and --cluster compute in others: "
            "watch those on the Dask dashboard, and leave --profile out."
        )
    check_output(path, None, source, overwrite=True)


def write_profile(
    path: Path, profile: Profile, planes: int, facts: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write where the time of a run went that made so many planes, with its facts and options."""
    pixels = planes * facts["input"]["rows"] * facts["input"]["columns"]
    content = {
        **{f"{name} (s)": seconds for name, seconds in asdict(profile).items()},
        "planes": planes,
        "pixels read": pixels,
        "planes a second": planes / profile.wall,
        "megapixels a second": pixels / 1e6 / profile.wall,
        "peak memory (bytes)": peak_memory(),
        **facts,
        "options": options,
        "versions": versions(),
    }
    write_json(json_ready(content), path)


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    return {
        "crispim-ij": __version__,
        "Python": platform.python_version(),
        **{name: version_of(name) or "not installed" for name in _PACKAGES},
        "ImageJ": IMAGEJ_VERSION,
    }
