"""A training run from files to a model folder, as commands ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.models.spec import SPEC_FILE
from crispim_ij.noise import CameraNoise, range_of
from crispim_ij.noise.risk import root
from crispim_ij.planes import Selection, Source, aligned, by_channel, open_source
from crispim_ij.quiet import start_tensorflow
from crispim_ij.training.checkpoints import CHECKPOINT_FILE, HISTORY_FILE, bytes_needed
from crispim_ij.training.log import HistoryEntry, read_history
from crispim_ij.training.loop import DEFAULTS, OnStep, RunSettings, check_run, seconds_a_step, train
from crispim_ij.training.network import error_of_nothing, fresh_network
from crispim_ij.training.patches import training_batch, validation_batch
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.stacks import TrainingStack, check_data, open_noisy_stack, open_stack

OnStacks = Callable[[Sequence[TrainingStack]], None]
"""Told the stacks once they are measured, before TensorFlow is started."""

NOTHING_LEARNT = 0.9
"""Share of the noise that is left, from which a model is said to have learnt nothing."""

ALL = Selection()
"""All channels and time points, in full resolution."""


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, on which files, into which folder.

    Attributes
    ----------
    folder : Path
        The model folder to write; holds checkpoint, recipe and history during the run.
    recipe : Recipe
        How.
    clean, noisy : tuple of Path or Source
        Folders and stacks of planes, or sources, which the run closes; those of `noisy`
        are the same planes with noise, or all there is for a blind recipe.
    settings : RunSettings
        What else to do.
    start_from : str or None
        Name or folder of the model whose weights it begins with.
    teacher : str or None
        Name or folder of a model that it learns from, beside the clean planes.
    resume : bool
        Continue from the checkpoint in `folder`.
    selection : Selection
        Which channels, time points and resolution of all stacks; each channel is a stack of
        its own.
    """

    folder: Path
    recipe: Recipe
    clean: tuple[Path | Source, ...] = ()
    noisy: tuple[Path | Source, ...] = ()
    settings: RunSettings = DEFAULTS
    start_from: str | None = None
    teacher: str | None = None
    resume: bool = False
    selection: Selection = ALL

    def models(self) -> dict[str, Model | None]:
        """Find the models that it begins with and learns from."""
        names = {"start_from": self.start_from, "teacher": self.teacher}
        return {key: None if name is None else find_model(name) for key, name in names.items()}


def changed_recipe(
    recipe: Recipe,
    values: Mapping[str, Any],
    *,
    camera: CameraNoise | None,
    noise_sd: tuple[float, float] | None,
) -> Recipe:
    """Return a recipe with other values, but for those that are None, and with other noise."""
    if recipe.is_blind and noise_sd is not None:
        raise CrispimError(
            f"Recipe {recipe.name!r} measures the noise of the planes; leave --noise-sd out."
        )
    if recipe.is_told and not (camera is None and noise_sd is None):
        raise CrispimError(
            f"Recipe {recipe.name!r} makes a network that is told the noise, and so learns from "
            f"any: leave --{'noise-sd' if camera is None else 'camera'} out, or take a recipe of "
            "a network that guesses it, such as residual-2d."
        )
    changes = {key: value for key, value in values.items() if value is not None}
    if camera is not None:
        changes |= {"camera": range_of(camera), "contrast": None}
    elif noise_sd is not None:
        changes |= {"camera": None, "noise_sd": noise_sd}
    return replace(recipe, **changes)


def check_place(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder with a model or a checkpoint that is neither resumed nor replaced."""
    if overwrite or resume:
        return
    for name, remedy in ((SPEC_FILE, ""), (CHECKPOINT_FILE, "--resume to continue it, or ")):
        if (folder / name).exists():
            raise CrispimError(
                f"{folder / name} exists already; give {remedy}--overwrite to replace it."
            )


@dataclass(frozen=True)
class Trained:
    """A model that was trained, what it was trained on, and the history of all of its run.

    `noise` is the validation error of doing nothing, which `HistoryEntry.error` is to lie below.
    """

    model: Model
    stacks: tuple[TrainingStack, ...]
    history: tuple[HistoryEntry, ...]
    noise: float

    @property
    def share_left(self) -> float:
        """The model's error as a share of that of doing nothing, at the validations it is of."""
        best = self.model.spec.provenance["recipe"]["checkpoint_policy"] == "best"
        errors = [entry.error for entry in self.history]
        return (min(errors) if best else errors[-1]) / self.noise if self.noise else 1.0

    @property
    def problems(self) -> tuple[str, ...]:
        """Why to mistrust the model, a sentence each."""
        found = []
        if self.share_left > NOTHING_LEARNT:
            found.append(
                f"It removes no noise to speak of: its error is {self.share_left:.0%} of that of "
                "doing nothing, so it has learnt too little. Give it more steps, or begin with a "
                "model."
            )
        if any(entry.is_below_zero for entry in self.history):
            found.append(
                "Its error came out below 0, so the noise is weaker than it was measured to be, "
                "and the model may remove structure too: compare its results with the planes."
            )
        return tuple(found)


@dataclass(frozen=True)
class Checked:
    """What would be trained: stacks, the network's weights, bytes on disk at most, and seconds."""

    stacks: tuple[TrainingStack, ...]
    parameters: int
    bytes: int
    seconds: float


def run_training(job: TrainingJob, *, on_stacks: OnStacks, on_step: OnStep) -> Trained:
    """Open a job's stacks, train, and write the model folder.

    `on_stacks` is told the stacks once they are measured, `on_step` the number of steps done and
    the newest line of the history, if any; what that raises ends the run, after a checkpoint.
    CrispimError if the data don't suit the recipe or can't be read, and for what
    `crispim_ij.training.train` refuses.
    """
    with _opened_stacks(job) as stacks:
        on_stacks(stacks)
        start_tensorflow()
        model = train(
            stacks,
            job.recipe,
            job.folder,
            settings=job.settings,
            **job.models(),
            resume=job.resume,
            on_step=on_step,
        )
        batch = validation_batch(stacks, job.recipe, job.recipe.steps)
    history = tuple(read_history(job.folder / HISTORY_FILE))
    return Trained(model, tuple(stacks), history, root(error_of_nothing(batch, job.recipe)))


def check_training(job: TrainingJob, *, on_stacks: OnStacks) -> Checked:
    """Do all of `run_training` that comes before the first step, and write nothing."""
    with _opened_stacks(job) as stacks:
        on_stacks(stacks)
        start_tensorflow()
        models = job.models()
        check_run(stacks, job.recipe, job.folder, job.settings, **models, resume=job.resume)
        network = fresh_network(job.recipe, models["start_from"])
        batch = training_batch(stacks, job.recipe, 0)
        seconds = job.recipe.steps * seconds_a_step(network, batch)
    parameters = network.count_params()
    return Checked(tuple(stacks), parameters, bytes_needed(parameters, job.recipe), seconds)


@contextmanager
def _opened_stacks(job: TrainingJob) -> Iterator[list[TrainingStack]]:
    """Open and measure what a job is trained on."""
    check_data(job.recipe, clean=len(job.clean), noisy=len(job.noisy))
    with ExitStack() as opened:
        clean, noisy = (
            [
                opened.enter_context(
                    one if isinstance(one, Source) else open_source(one, job.selection)
                )
                for one in paths
            ]
            for paths in (job.clean, job.noisy)
        )
        if job.recipe.is_blind:
            channels = [channel for source in noisy for channel in by_channel(source)]
            yield [open_noisy_stack(channel, job.recipe) for channel in channels]
        else:
            pairs = [pair for both in zip_longest(clean, noisy) for pair in _channels_of(*both)]
            yield [open_stack(*pair, job.recipe) for pair in pairs]


def _channels_of(clean: Source, noisy: Source | None) -> list[tuple[Source, Source | None]]:
    """Return each channel of a stack as one of its own, with the same of the noisy planes."""
    channels = by_channel(clean)
    if noisy is None:
        return [(channel, None) for channel in channels]
    if len(noisy) != len(clean) or len(channels) == 1:
        return [(clean, noisy)]
    others = by_channel(aligned(noisy, clean))
    if len(others) != len(channels):
        raise CrispimError(
            f"'{noisy.path}' has {len(others)} channel(s) where '{clean.path}' has "
            f"{len(channels)}: give the same planes, or one --channel of them."
        )
    return list(zip(channels, others, strict=True))
