"""What runs over planes say: of the noise, how far they are, and with `--json` and `--dry-run`."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from crispim_ij.cli.console import (
    console,
    errors,
    print_json,
    progress_bar,
    saying_what_is_kept,
)
from crispim_ij.planes import Selection, Source, open_source

if TYPE_CHECKING:
    from pathlib import Path

    from crispim_ij.cluster import ClusterClient
    from crispim_ij.jobs import DenoiseJob, PreprocessJob
    from crispim_ij.noise import StackNoise


def show_job(
    job: DenoiseJob | PreprocessJob,
    what: str,
    steps: Generator[float, None, None],
    client: ClusterClient | None = None,
) -> int:
    """Show a bar, and the workers beside it, while a job is done.

    Parameters
    ----------
    job : DenoiseJob or PreprocessJob
        The job.
    what : str
        What is being done.
    steps : generator of float
        Does it, see `crispim_ij.jobs.denoise_locally`.
    client : ClusterClient, optional
        Where workers do it.

    Returns
    -------
    int
        How many planes an earlier run had finished.
    """
    with saying_what_is_kept(*job.sinks), closing(steps):
        next(steps)  # opens the outputs
        finished = job.finished()
        with progress_bar(what, len(finished), "planes") as bar:
            bar.advance(bar.task_ids[0], sum(finished))
            for share in steps:
                bar.advance(bar.task_ids[0], share)
                if client is not None:
                    bar.update(bar.task_ids[0], description=f"{what} {on_workers(client.workers)}")
    return sum(share == 1 for share in finished)


def on_workers(number: int) -> str:
    """Say how many workers there are."""
    return f"on {number} worker{'' if number == 1 else 's'}" if number else "(no worker yet)"


def say_noise(noise: StackNoise, *, quiet: bool = False) -> None:
    """Print what was measured, unless quiet, and why to mistrust it."""
    if not quiet:
        for line in noise.lines:
            _say(line)
    say_problems(noise.problems)


def opened_source(path: Path, selection: Selection | None = None) -> Source:
    """Open planes, see `crispim_ij.planes.open_source`, and say what must be known of them."""
    source = open_source(path, selection)
    say_problems(source.notes)
    return source


def say_problems(problems: Sequence[str]) -> None:
    """Print sentences of warning."""
    for problem in problems:
        errors.print(problem, style="yellow", soft_wrap=True)


def print_dry_run(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what a run would do.

    Parameters
    ----------
    facts : mapping
        ``inputs``, or one ``input``, and ``outputs``, as `crispim_ij.jobs.output` describes
        them; ``model`` and others that say how.
    as_json : bool
        Whether for scripts.
    """
    if as_json:
        print_json(facts)
        return
    from crispim_ij.report.numbers import shown_time

    outputs = facts["outputs"]
    for one in facts.get("inputs") or [facts["input"]]:
        _say(f"Would read {in_words(one)}, from {one['path']}")
    for one in outputs:
        what = in_words(one) if "planes" in one else "a model"
        _say(f"Would write {what}, to {one['path']}")
    _say(f"Disk: {disk_in_words(outputs)}")
    for name in ("model", "engine", "network"):
        if name in facts:
            _say(f"{name.capitalize()}: {', '.join(f'{k} {v}' for k, v in facts[name].items())}")
    if "seconds" in facts:
        _say(
            f"Time: about {shown_time(facts['seconds'])} here, if the network never waits for data"
        )
    _say("Nothing was written.")


def _say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, soft_wrap=True)


def in_words(facts: dict[str, Any]) -> str:
    """Say which planes there are, of what is read or written."""
    planes = f"{facts['planes']} plane{'s' * (facts['planes'] != 1)}"
    return f"{planes} of {facts['columns']} x {facts['rows']} px, {facts['type']}"


def disk_in_words(outputs: Sequence[dict[str, Any]]) -> str:
    """Say how much disk outputs need, in sum, and whether there is as much."""
    needed = sum(output["bytes"] for output in outputs)
    free = min(output["free"] for output in outputs)
    says = f"at most {needed / 1e9:.3g} GB are needed; {free / 1e9:.3g} GB are free"
    return says + (", which is too little" if needed > free else "")
