"""A small reproduction, and one in a process of its own that is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from crispim_ij.reproduction import (
    Advance,
    Reproduction,
    ReproductionSettings,
    RunDirectory,
    make_plan,
    recipes,
    run_description,
    settled_recipes,
)

QUICK = MappingProxyType(
    {name: {"steps": 5, "patch": 32, "checkpoint_every": 2} for name in recipes.NETWORKS}
)
"""Fewer steps than `--quick` takes."""


def small_run(data: Path) -> Reproduction:
    """Return a run of few steps."""
    recipes.QUICK = QUICK
    settings = ReproductionSettings(quick=True)
    plan = make_plan([data], settings)
    precisions = dict.fromkeys(recipes.NETWORKS, "float32")
    settled = settled_recipes(plan.patch, settings, precisions)
    return Reproduction(settings, plan, settled, [], "a test")


def begin(run: Reproduction, place: RunDirectory) -> None:
    """Claim the folder, as the command does."""
    precisions = {name: recipe.precision for name, recipe in run.recipes.items()}
    place.begin({**run_description(run.settings, run.plan), "precisions": precisions})


def kill_in(data: Path, out: Path, stage: str, at: int) -> int:
    """Run it apart until so many units of a stage are done; return the exit status."""
    command = [sys.executable, "-m", "tests.reproduction.process", data, out, stage, str(at)]
    return subprocess.run(command, capture_output=True).returncode


def _main(data: str, out: str, stage: str, at: str) -> None:
    from crispim_ij.reproduction import reproduce

    @contextmanager
    def progress(what: str, total: int, unit: str) -> Iterator[Advance]:
        def advance(done: int, remark: str) -> None:
            if what == stage and done == int(at):
                os.kill(os.getpid(), signal.SIGKILL)

        yield advance

    run, place = small_run(Path(data)), RunDirectory(Path(out))
    if not place.folder.exists():
        begin(run, place)
    reproduce(run, place, progress)


if __name__ == "__main__":
    _main(*sys.argv[1:])
