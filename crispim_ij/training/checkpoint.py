"""What a training run leaves on disk while it runs, so that it can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import make_folders, whole_file, write_faults
from crispim_ij.training.losses import log_mse, rmse

if TYPE_CHECKING:
    import keras

CHECKPOINT_FILE = "checkpoint.keras"
BEST_FILE = "best.keras"
RECIPE_FILE = "recipe.json"


def start_run(folder: Path, run: dict[str, Any]) -> None:
    """Make the run's folder and write down what it does.

    Parameters
    ----------
    folder : Path
        The model folder to be.
    run : dict
        Its recipe, data and number of devices, JSON-ready.
    """
    make_folders(folder)
    with whole_file(folder / RECIPE_FILE) as part:
        part.write_text(_as_text(run), encoding="utf-8")


def check_resumable(folder: Path, run: dict[str, Any]) -> None:
    """Refuse to go on with a run that isn't there, or that was another one.

    Parameters
    ----------
    folder : Path
        The model folder to be.
    run : dict
        Recipe, data and devices, which must be those of `start_run`.

    Raises
    ------
    CrispimError
        If the run can't be resumed with these.
    """
    if not (folder / CHECKPOINT_FILE).is_file():
        raise CrispimError(
            f"{folder} holds no {CHECKPOINT_FILE} to resume; leave --resume out to begin anew."
        )
    before = (folder / RECIPE_FILE).read_text(encoding="utf-8")
    devices = json.loads(before).get("devices")
    if devices != run["devices"]:
        raise CrispimError(
            f"{folder / RECIPE_FILE} says that this run began on {devices} device(s), which "
            f"sum in another order than {run['devices']}; resume with --devices {devices}, or "
            "train into another folder."
        )
    if before != _as_text(run):
        raise CrispimError(
            f"{folder / RECIPE_FILE} differs from the recipe or the data given now; "
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

    from crispim_ij.training.optimizers import KernelMuon

    known = {"log_mse": log_mse, "rmse": rmse, "KernelMuon": KernelMuon}
    return keras.saving.load_model(file, custom_objects=known, safe_mode=True)


def steps_done(network: keras.Model) -> int:
    """Return how many steps a network was trained for."""
    # int() fails on a variable that several devices have.
    return int(network.optimizer.iterations.numpy())


def _as_text(run: dict[str, Any]) -> str:
    return json.dumps(run, indent=2, sort_keys=True) + "\n"
