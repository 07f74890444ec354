"""What a training run leaves on disk while it runs, so that it can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.planes.atomic import make_folders, whole_file, write_faults
from crispim_ij.training.network import log_mse, rmse
from crispim_ij.training.recipe import Recipe, recipe_of
from crispim_ij.training.stacks import TrainingStack, describe_stack

if TYPE_CHECKING:
    import keras

CHECKPOINT_FILE = "checkpoint.keras"
BEST_FILE = "best.keras"
RECIPE_FILE = "recipe.json"
HISTORY_FILE = "history.csv"


def describe_run(
    stacks: Sequence[TrainingStack],
    recipe: Recipe,
    start_from: Model | None,
    teacher: Model | None,
    devices: int,
) -> dict[str, Any]:
    """Describe all that decides a run's weights, JSON-ready."""
    return {
        "recipe": asdict(recipe),
        "data": [describe_stack(stack) for stack in stacks],
        "started_from": start_from and asdict(start_from.spec),
        "devices": devices,
        # Runs begun before there were teachers have no such key.
        **({"teacher": asdict(teacher.spec)} if teacher else {}),
    }


def start_run(folder: Path, run: dict[str, Any]) -> None:
    """Make the run's folder and write down what it does, as `describe_run` tells it."""
    make_folders(folder)
    with whole_file(folder / RECIPE_FILE) as part:
        part.write_text(_as_text(run), encoding="utf-8")


def check_resumable(folder: Path, run: dict[str, Any]) -> None:
    """Refuse to resume a run that isn't there, or that was another one than `run` describes."""
    if not (folder / CHECKPOINT_FILE).is_file():
        raise CrispimError(
            f"{folder} holds no {CHECKPOINT_FILE} to resume; leave --resume out to begin one."
        )
    file = folder / RECIPE_FILE
    before = json.loads(file.read_text(encoding="utf-8"))
    devices = before.get("devices")
    if devices != run["devices"]:
        raise CrispimError(
            f"{file} says that this run began on {devices} device(s), which "
            f"sum in another order than {run['devices']}; resume with --devices {devices}, or "
            "train into another folder."
        )
    now = json.loads(_as_text(run))
    # Recipes are compared as such: keys have had other names, and some had none.
    is_same = recipe_of(before.pop("recipe"), str(file)) == recipe_of(now.pop("recipe"), str(file))
    if not is_same or before != now:
        raise CrispimError(
            f"{file} differs from the recipe or the data given now; "
            "resume with the same options, or train into another folder."
        )


def save_checkpoint(network: keras.Model, file: Path) -> None:
    """Save weights and the optimizer's state, whole or not at all."""
    scratch = file.with_name(f".{file.stem}.partial.keras")
    with write_faults(file):
        network.save(scratch)
        scratch.replace(file)


def load_checkpoint(file: Path) -> keras.Model:
    """Load the compiled network that `save_checkpoint` saved."""
    import keras

    from crispim_ij.networks.stabilised import CUSTOM_LAYERS
    from crispim_ij.training.optimizers import KernelMuon

    known = {"log_mse": log_mse, "rmse": rmse, "KernelMuon": KernelMuon, **CUSTOM_LAYERS}
    return keras.saving.load_model(file, custom_objects=known, safe_mode=True)


def steps_done(network: keras.Model) -> int:
    """Return how many steps a network was trained for."""
    # int() fails on a variable that several devices have.
    return int(network.optimizer.iterations.numpy())


def bytes_needed(parameters: int, recipe: Recipe) -> int:
    """Return what weights and checkpoints need on disk at most."""
    # Adam's two moments, and an average of the weights. One is written beside the one before.
    checkpoint = 3 + bool(recipe.ema_momentum)
    kinds = 2 + (recipe.checkpoint_policy == "best")
    return 4 * parameters * (1 + checkpoint * kinds)


def _as_text(run: dict[str, Any]) -> str:
    return json.dumps(run, indent=2, sort_keys=True) + "\n"
