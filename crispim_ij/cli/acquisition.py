"""What runs over a tree of stacks show, and say in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from crispim_ij.cli.console import log, print_json, progress_bar, say, say_kept, warn
from crispim_ij.cli.outcome import disk_in_words, in_words, on_workers, say_problems
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Tree, find_tree

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress

    from crispim_ij.cli.options import ReportOptions, SelectionOptions
    from crispim_ij.cluster import ClusterClient
    from crispim_ij.jobs import Acquisition, DenoiseJob, PreprocessJob
    from crispim_ij.jobs.acquisition import Begun, Copied, Ended, Event
    from crispim_ij.noise.channel_noise import ChannelNoise

Job = TypeVar("Job", "DenoiseJob", "PreprocessJob")
Events = Generator["Event[Any]", None, None]


def tree_of(source: Path, only: Sequence[str] | None, selection: SelectionOptions) -> Tree | None:
    """Find the stacks of a tree; a series that is asked for is of a set, which is one stack."""
    return None if selection.series else find_tree(source, only or ())


def refuse_profile(report: ReportOptions) -> None:
    """Refuse to measure where the time of many runs goes."""
    if report.profile is not None:
        raise CrispimError(
            "--profile measures the run over one stack, and INPUT is a tree of stacks: leave it "
            "out, or give one of them."
        )


def show_dry_acquisition(acquisition: Acquisition[Any], report: ReportOptions) -> None:
    """Check all stacks and say what a run would do; CrispimError in the end if some would fail."""
    from crispim_ij.jobs import check_acquisition

    shown = _Shown(acquisition, "checking", quiet=report.as_json)
    shown.follow(check_acquisition(acquisition))
    if report.as_json:
        print_json({**shown.facts(), "dry run": True})
    else:
        _say_dry(acquisition, shown)
    shown.refuse_failures()


def show_acquisition(
    acquisition: Acquisition[Job],
    what: str,
    perform: Callable[[Job], Generator[float, None, None]],
    report: ReportOptions,
    client: ClusterClient | None = None,
) -> None:
    """Do all stacks under one bar and say what became of them.

    `what` is being done by `perform`, see `crispim_ij.jobs.do_acquisition`. CrispimError in the end
    if stacks failed.
    """
    from crispim_ij.jobs import do_acquisition

    started = perf_counter()
    shown = _Shown(acquisition, what, quiet=report.as_json, client=client)
    shown.follow(do_acquisition(acquisition, perform))
    if report.as_json:
        print_json({**shown.facts(), "seconds": perf_counter() - started})
    else:
        shown.say_summary()
    shown.refuse_failures()


class _Shown:
    """What has been told of a run over a tree."""

    def __init__(
        self,
        acquisition: Acquisition[Any],
        what: str,
        *,
        quiet: bool,
        client: ClusterClient | None = None,
    ) -> None:
        self._acquisition, self._what, self._quiet, self._client = acquisition, what, quiet, client
        self.ended: list[Ended] = []
        self.copied: Copied | None = None
        self._noises: dict[str, ChannelNoise] = {}
        self._stack = ""

    def follow(self, events: Events) -> None:
        """Show what happens, under a bar of all stacks."""
        number = len(self._acquisition.tree.stacks)
        try:
            with closing(events), progress_bar(self._what, number, "stacks") as bar:
                for event in events:
                    self._show(event, bar)
        except BaseException:
            if self.ended:
                say_kept(self._acquisition.outputs[0].path)
            raise

    def _show(self, event: Event[Any], bar: Progress) -> None:
        """Show what has just happened."""
        from crispim_ij.jobs.acquisition import Begun, Copied, Ended
        from crispim_ij.noise.channel_noise import ChannelNoise

        task = bar.task_ids[0]
        match event:
            case Copied():
                self.copied = event
                for path, why in event.failed.items():
                    warn(f"{path} was not copied: {why}")
            case ChannelNoise():
                self._noises[event.channel] = event
                self._say_noise(event)
            case Begun():
                self._say_own_noise(event)
                self._stack = event.path
                bar.update(task, description=self._described())
                if event.share:  # what was there before says nothing of the time that is left
                    bar.reset(task)
                    bar.update(task, completed=len(self.ended) + event.share)
            case Ended():
                self.ended.append(event)
                bar.update(task, completed=len(self.ended))
                if event.why is not None:
                    warn(f"{event.path} failed: {event.why}")
            case _:
                bar.update(task, advance=event, description=self._described())

    def _described(self) -> str:
        """Say which stack is being done, and on how many workers."""
        where = f" {on_workers(self._client.workers)}" if self._client is not None else ""
        return f"{self._what} {self._stack}{where}"

    def _say_noise(self, found: ChannelNoise) -> None:
        """Say what was measured of a channel, and why to mistrust it."""
        name = f"{found.channel}: " if found.channel else ""
        if found.noise is not None and not self._quiet:
            on = f"measured on {len(found.stacks)} of {found.of} stacks" if found.of > 1 else ""
            for line in found.noise.lines:
                log(f"{name}{line}{on and ', ' + on}")
        say_problems([f"{name}{problem}" for problem in found.problems])

    def _say_own_noise(self, begun: Begun[Any]) -> None:
        """Say what was measured on a stack that isn't like the others of its channel."""
        noise = getattr(begun.job, "noise", None) if begun.alone else None
        if noise is None:
            return
        if not self._quiet:
            for line in noise.lines:
                log(f"{begun.path}: {line}, measured on it alone")
        say_problems([f"{begun.path}: {problem}" for problem in noise.problems])

    def counts(self) -> Counter[str]:
        """Return how many stacks are done, skipped and failed."""
        return Counter(one.state for one in self.ended)

    def facts(self) -> dict[str, Any]:
        """Return what became of all, JSON-ready."""
        counts = self.counts()
        return {
            "input": str(self._acquisition.tree.path),
            "outputs": [str(output.path) for output in self._acquisition.outputs],
            "options": self._acquisition.recorded,
            "noise": {name: noise.as_record() for name, noise in self._noises.items()},
            "stacks": [_facts_of(one) for one in self.ended],
            **{state: counts[state] for state in ("done", "skipped", "failed")},
            "copied": 0 if self.copied is None else self.copied.count,
            "not copied": {} if self.copied is None else self.copied.failed,
        }

    def say_summary(self) -> None:
        """Say what became of all stacks, and why some failed."""
        from crispim_ij.jobs.acquisition_record import NAME

        counts, output = self.counts(), self._acquisition.outputs[0].path
        copied = 0 if self.copied is None else self.copied.count
        lines = [
            f"{counts['done']} stacks done, {counts['skipped']} skipped that were finished before, "
            f"{counts['failed']} failed; {copied} other files copied",
            f"Written to {' and '.join(str(one.path) for one in self._acquisition.outputs)}; what "
            f"became of each stack is in {output / NAME}",
            *(f"Failed: {one.path}: {one.why}" for one in self.ended if one.why is not None),
        ]
        for line in lines:
            say(line)

    def refuse_failures(self) -> None:
        """End with a fault where stacks failed, or files could not be copied."""
        failed = [one.path for one in self.ended if one.why is not None]
        if failed:
            raise CrispimError(
                f"{len(failed)} of {len(self.ended)} stacks failed, such as '{failed[0]}': mend "
                "what is said of each, and give --resume to do those again."
            )
        if self.copied is not None and self.copied.failed:
            path, why = next(iter(self.copied.failed.items()))
            raise CrispimError(
                f"{len(self.copied.failed)} files beside the stacks were not copied, such as "
                f"'{path}': {why}"
            )


def _facts_of(one: Ended) -> dict[str, Any]:
    """Describe what became of a stack, JSON-ready."""
    return {
        "path": one.path,
        "state": one.state,
        "planes": one.planes,
        "kept": one.kept,
        "why": one.why,
        **{name: one.facts[name] for name in ("input", "outputs") if name in one.facts},
    }


def _say_dry(acquisition: Acquisition[Any], shown: _Shown) -> None:
    """Say what a run would do."""
    tree = acquisition.tree
    good = [one for one in shown.ended if one.why is None]
    outputs = [output for one in good for output in one.facts["outputs"]]
    planes = sum(one.planes for one in good)
    places = " and ".join(str(output.path) for output in acquisition.outputs)
    lines = [
        *(f"{one.path}: {in_words(one.facts['input'])}" for one in good),
        f"Would read {len(good)} stacks with {planes} planes in all, from {tree.path}",
        f"Would write the same tree, to {places}",
        f"Would copy {len(tree.others)} other files",
        *([f"Disk: {disk_in_words(outputs)}"] if outputs else []),
        "Nothing was written.",
    ]
    for line in lines:
        say(line)
