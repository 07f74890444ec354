"""Train a network."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from crispim_ij.api._images import (
    AnyImage,
    AnyModel,
    AnyPath,
    Numbers,
    PathOrArray,
    name_of,
    opened_image,
    pair,
    selection_of,
)
from crispim_ij.api._progress import notebook_bar
from crispim_ij.models import Model
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import CameraNoise, read_camera
from crispim_ij.training import (
    Recipe,
    RunSettings,
    TrainingJob,
    TrainingStack,
    changed_recipe,
    check_place,
    load_recipe,
    run_training,
)

if TYPE_CHECKING:
    from crispim_ij.training.log import HistoryEntry

Stacks: TypeAlias = "AnyImage | Sequence[PathOrArray]"


def train(
    model: AnyPath,
    clean: Stacks | None = None,
    *,
    noisy: Stacks | None = None,
    recipe: str | Recipe = "crispim-2d",
    start_from: AnyModel | None = None,
    teacher: AnyModel | None = None,
    steps: int | None = None,
    batch: int | None = None,
    patch: int | None = None,
    learning_rate: float | None = None,
    precision: Precision | None = None,
    seed: int | None = None,
    checkpoint_every: int | None = None,
    noise_sd: float | tuple[float, float] | None = None,
    camera: str | CameraNoise | None = None,
    devices: int | None = None,
    sample_every: int | None = None,
    tensorboard: bool = False,
    workers: int = RunSettings.workers,
    cache: float = RunSettings.cache,
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    series: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_step: Callable[[int, float | None], None] | None = None,
) -> Model:
    """Train a network on clean planes, or by the recipe 'blind' on noisy planes alone.

    Parameters
    ----------
    model : str or path
        Model folder to write.
    clean : array of (Y, X) or (Z, Y, X), path, or a list of these, optional
        Clean planes, in counts: NumPy's, Dask's or xarray's arrays, folders of planes, TIFF
        stacks or OME-Zarrs. Of a file each channel is learned from as a stack of its own.
    noisy : as `clean`, optional
        The same planes with noise, one for each of `clean`; by default noise is drawn. For the
        recipe 'blind' all that is needed.
    recipe : str or Recipe
        Name of a recipe, path of a TOML file or of the recipe.json of a model, or what
        ``crispim_ij.training.load_recipe`` returned.
    start_from, teacher : str, path or Model, optional
        The model whose weights it begins with, and one that it learns from beside the planes.
    steps, batch, patch, learning_rate, precision, seed, checkpoint_every : optional
        In place of the recipe's: number of batches, patches in a batch, side of a patch in px,
        peak of the learning rate, 'float32' or 'bfloat16', what decides first weights and
        patches, steps between checkpoints.
    noise_sd : float or tuple of float, optional
        Standard deviation of the drawn noise in counts, or a range of it; for recipes whose
        network guesses the noise.
    camera : str or CameraNoise, optional
        A camera's noise in place of that: 'GAIN:OFFSET:READ', or a file of `calibrate`'s.
    devices, sample_every, tensorboard, workers, cache : optional
        GPUs that share a batch, steps between pictures of samples, whether TensorBoard's files
        are written, threads that draw batches, and GB of memory for planes.
    channel, time : int, str or None
        Of files: channels and time points from 1, see `denoise`.
    level : int
        Of OME-Zarrs: their resolution, 0 for the full one.
    series : int or None
        Of files with several images: which one, from 1.
    resume, overwrite : bool
        Continue the run that was stopped in the folder, or replace what is there.
    on_step : callable, optional
        Called after each step with the number of steps done and the newest RMSE of the
        validation patches, if there is one yet: in counts, or in units of the noise for
        networks that are told it. What it raises ends the run, after a checkpoint. Without it
        notebooks show a bar.

    Returns
    -------
    Model
        The model, which `denoise` takes.

    Raises
    ------
    CrispimError
        If the data don't suit the recipe, an option can't be used, or a model is there already.

    Examples
    --------
    >>> import tempfile
    >>> from crispim_ij.phantom import PhantomSettings, simulate_volume
    >>> clean = simulate_volume(PhantomSettings(shape=(4, 64, 64)))
    >>> folder = tempfile.mkdtemp()
    >>> few = {"steps": 2, "batch": 2, "patch": 32, "sample_every": 0}
    >>> model = train(folder, clean, start_from="crispim-2d", **few)
    >>> model.spec.provenance["recipe"]["steps"]
    2
    """
    folder = Path(model)
    check_place(folder, resume=resume, overwrite=overwrite)
    values = {
        "steps": steps,
        "batch": batch,
        "patch": patch,
        "learning_rate": learning_rate,
        "precision": precision,
        "seed": seed,
        "checkpoint_every": checkpoint_every,
    }
    chosen = changed_recipe(
        recipe if isinstance(recipe, Recipe) else load_recipe(os.fspath(recipe)),
        values,
        camera=read_camera(camera) if isinstance(camera, str) else camera,
        noise_sd=None if noise_sd is None else pair(noise_sd),
    )
    selection = selection_of(channel, time, level, series)
    job = TrainingJob(
        folder,
        chosen,
        tuple(opened_image(one, selection) for one in _listed(clean)),
        tuple(opened_image(one, selection) for one in _listed(noisy)),
        RunSettings(devices, sample_every, tensorboard, workers, cache),
        None if start_from is None else name_of(start_from),
        None if teacher is None else name_of(teacher),
        resume,
    )
    with notebook_bar("training", chosen.steps, "steps", hidden=on_step is not None) as advance:

        def show(done: int, newest: HistoryEntry | None) -> None:
            error = None if newest is None else newest.error
            advance(done, "" if error is None else f"RMSE {error:.3g} {chosen.unit}")
            if on_step is not None:
                on_step(done, error)

        trained = run_training(job, on_stacks=_warn, on_step=show)
    for problem in trained.problems:
        warnings.warn(problem, UserWarning, stacklevel=2)
    return trained.model


def _listed(stacks: Any) -> list[Any]:
    """Return stacks as a list, of which one may have been given alone."""
    if stacks is None:
        return []
    return list(stacks) if isinstance(stacks, (list, tuple)) else [stacks]


def _warn(stacks: Sequence[TrainingStack]) -> None:
    """Warn of what is wrong with stacks, and of noise that the recipe can't remove."""
    for stack in stacks:
        for note in stack.notes:
            warnings.warn(note, UserWarning, stacklevel=2)
        noise = stack.noise
        if noise is not None and noise.is_correlated and noise.grain is None:
            warnings.warn(
                f"Neighbouring pixels of {stack.clean.path} share their noise, of which this "
                "recipe removes little: give planes as the camera took them, or take the recipe "
                "blind.",
                UserWarning,
                stacklevel=2,
            )
