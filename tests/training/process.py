"""Runs in a process of their own, which may be killed or be given two processors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crispim_ij.planes import open_source
from crispim_ij.training import Recipe, RunSettings, open_stack, train
from crispim_ij.training.log import HistoryEntry


def train_apart(clean: Path, recipe: Recipe, *runs: dict[str, Any]) -> int:
    """Train in another process with two virtual processors; return its exit status.

    Each run has the keys 'folder' and 'settings', and perhaps 'resume' and 'kill_at'.
    """
    content = json.dumps([str(clean), asdict(recipe), runs], default=str)
    command = [sys.executable, "-m", "tests.training.process", content]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(ended.stderr)
    return ended.returncode


def _main(clean: str, recipe: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, halves)
    made = Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in recipe.items()})
    with open_source(clean) as source:
        stacks = [open_stack(source, None, made)]
        for run in runs:

            def on_step(done: int, newest: HistoryEntry | None, run: dict[str, Any] = run) -> None:
                if done == run.get("kill_at"):
                    os.kill(os.getpid(), signal.SIGKILL)

            train(
                stacks,
                made,
                Path(run["folder"]),
                settings=RunSettings(**run["settings"]),
                resume=run.get("resume", False),
                on_step=on_step,
            )


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
