"""Adapt a model that is told the noise to the very stack that it is to denoise.

It is a blind training of a few minutes, in units of the noise, that begins with the model's weights
at a low rate. Planes that are kept from it tell, by an estimate of the error against the clean ones
that nobody has (`crispim_ij.noise.risk`), which weights are the best: those that it began with,
where nothing better came.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.machine import has_bfloat16
from crispim_ij.models import Model, list_models, load_model
from crispim_ij.models.spec import SPEC_FILE
from crispim_ij.networks import ARCHITECTURES
from crispim_ij.networks.architectures import Precision
from crispim_ij.noise import StackNoise
from crispim_ij.planes import Selection, Source, select
from crispim_ij.quiet import start_tensorflow
from crispim_ij.training.checkpoints import HISTORY_FILE, RECIPE_FILE
from crispim_ij.training.log import HistoryEntry, read_history
from crispim_ij.training.loop import (
    DEFAULTS,
    OnStep,
    RunSettings,
    check_run,
    finish_run,
    seconds_a_step,
    train,
)
from crispim_ij.training.network import fix_order, fresh_network
from crispim_ij.training.patches import training_batch
from crispim_ij.training.recipe import Recipe, load_recipe
from crispim_ij.training.stacks import TrainingStack, describe_stack, open_noisy_stack

PATCH = 96
"""Side of a patch, in px, where planes are as large."""

VALIDATIONS = 20
"""Times at most that the weights are compared with those that it began with."""

_FEWEST_VALIDATIONS = 2
_STEPS_BETWEEN = 20  # at least, or validating would take all the time

RECIPE = Recipe(
    name="adapt",
    architecture="stabilised-2d",
    steps=1,
    batch=4,
    patch=PATCH,
    recorruption=0.3,
    optimizer="muon",
    learning_rate=1e-3,
    checkpoint_policy="best",
    patience=10,
)
"""How models are adapted, but for what depends on model, planes, time and processor."""


@dataclass(frozen=True)
class AdaptSettings:
    """How a model is adapted.

    Attributes
    ----------
    minutes : float
        About how long it may take.
    seed : int
        Decides every patch.
    run : RunSettings
        What else is done: devices, samples, threads, memory for planes.

    Raises
    ------
    CrispimError
        If there is no time.
    """

    minutes: float = 10.0
    seed: int = 0
    run: RunSettings = DEFAULTS

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise CrispimError(
                f"A model can't be adapted in {self.minutes:g} minutes (--minutes, --adapt): give "
                "a number above 0, such as 10."
            )


@dataclass(frozen=True)
class Plan:
    """What an adaptation is going to do.

    Attributes
    ----------
    steps : int
        Steps.
    seconds : float or None
        About how long they take, with their validations; None for a run that goes on.
    noisy, unit : float, str
        Root mean square error of doing nothing, in which errors are measured, and its unit.
    """

    steps: int
    seconds: float | None
    noisy: float
    unit: str

    def progress(self, error: float) -> str:
        """Say what is left of the noise, by the error of a line of the history."""
        return f"noisy {self.noisy:.3g}, now {error * self.noisy:.3g} {self.unit} (estimated)"


@dataclass(frozen=True)
class Adapted:
    """What came of an adaptation.

    Attributes
    ----------
    model : Model
        The adapted model; one with the weights that it began with, where these are the best.
    noisy, before, after : float
        Root mean square errors against the clean, estimated on what was kept from the training:
        of doing nothing, of what it began with, and of the model; NaN for one that came out below
        0.
    unit : str
        Theirs: 'counts', or 'of the noise' where its sd isn't the same everywhere.
    steps : int
        Steps done.
    is_better : bool
        Whether the model is better than what it began with.
    is_doubtful : bool
        Whether an error came out below 0, as it does where noise is weaker than it is told, or
        isn't the same everywhere. What was learnt is wrong then, and not kept.
    """

    model: Model
    noisy: float
    before: float
    after: float
    unit: str
    steps: int
    is_better: bool
    is_doubtful: bool

    def why_kept(self, name: str) -> str:
        """Say why the weights of the model that it began with are kept, or nothing."""
        if self.is_doubtful:
            return (
                "An error came out below 0, so the noise isn't what it was measured to be, or "
                "neighbouring planes share it, as where they were interpolated along Z, and "
                f"{name}'s weights are kept: give planes as the camera took them, or tell the "
                "noise with --noise."
            )
        if not self.is_better:
            return (
                f"{self.steps} steps made nothing better of {name}, whose weights are kept: give "
                "more time, or use it as it is."
            )
        return ""


class _BelowNothingError(Exception):
    """An error was estimated below 0, which none is."""


OnPlan = Callable[[Plan], None]
"""Told what is going to be done, before the first step."""


def adapt(
    source: Source,
    start: Model,
    folder: Path,
    settings: AdaptSettings,
    noise: StackNoise,
    *,
    resume: bool = False,
    on_plan: OnPlan = lambda _: None,
    on_step: OnStep = lambda _, __: None,
) -> Adapted:
    """Adapt a model to a noisy stack, and write a model folder.

    Parameters
    ----------
    source : Source
        The noisy planes. Patches come from all of its channels and time points.
    start : Model
        What it begins with, one that is told the noise.
    folder : Path
        Model folder to write; holds a checkpoint during the run.
    settings : AdaptSettings
        How long it may take.
    noise : StackNoise
        What `start` is told of the planes, see `crispim_ij.noise.tell_noise`.
    resume : bool
        Continue from the checkpoint in `folder`, or take the model that is finished there.
    on_plan : callable
        Told how many steps there are going to be, and how long they take.
    on_step : callable
        Told the number of steps done and the newest line of the history, if any.

    Returns
    -------
    Adapted
        The model, and what it is worth.

    Raises
    ------
    CrispimError
        If the model isn't told the noise, planes are too small or their noise isn't known, or
        there is nothing to resume.
    """
    check_adaptable(start)
    recipe = _recipe(start, source, settings)
    stacks = _stacks(source, noise, recipe)
    if resume and (folder / SPEC_FILE).exists():
        model = _finished(folder, start, stacks)
        return _adapted(model, folder, stacks)
    start_tensorflow()
    if resume and (folder / RECIPE_FILE).exists():
        recipe = load_recipe(str(folder / RECIPE_FILE))
        on_plan(_plan(recipe, None, stacks))
    else:
        fix_order()
        seconds = seconds_a_step(fresh_network(recipe, start), training_batch(stacks, recipe, 0))
        recipe = _timed(recipe, settings.minutes * 60 / seconds)
        on_plan(_plan(recipe, _steps_in_all(recipe) * seconds, stacks))

    def watch(done: int, newest: HistoryEntry | None) -> None:
        on_step(done, newest)
        if newest is not None and newest.is_below_zero:
            raise _BelowNothingError

    run = settings.run
    try:
        model = train(
            stacks, recipe, folder, settings=run, start_from=start, resume=resume, on_step=watch
        )
    except _BelowNothingError:
        _, made_of = check_run(stacks, recipe, folder, run, start, None, resume=False)
        model = finish_run(fresh_network(recipe, start), recipe, folder, made_of)
    return _adapted(model, folder, stacks)


def check_adaptable(start: Model) -> None:
    """Refuse a model that guesses the noise, by CrispimError."""
    if start.spec.takes_noise:
        return
    told = [model.folder.name for model in list_models() if model.spec.takes_noise]
    those = f"one of {', '.join(told)}" if told else "one that `train --recipe crispim-2d` makes"
    raise CrispimError(
        f"Model {start.folder.name!r} guesses the noise, and only models that are told it can be "
        f"adapted: take {those}."
    )


def _recipe(start: Model, source: Source, settings: AdaptSettings) -> Recipe:
    """Return how a model is adapted, but for the number of steps."""
    stride = ARCHITECTURES[start.spec.architecture].stride
    side = min(PATCH, *source.shape[1:]) // stride * stride
    if not side:
        raise CrispimError(
            f"'{source.path}' has planes of {source.shape[2]} x {source.shape[1]} px, too small to "
            f"adapt a model to: give planes of at least {stride} px on each side."
        )
    precision: Precision = "bfloat16" if has_bfloat16() else "float32"
    return replace(
        RECIPE,
        architecture=start.spec.architecture,
        patch=side,
        precision=precision,
        seed=settings.seed,
    )


def _timed(recipe: Recipe, budget: float) -> Recipe:
    """Return the recipe with as many steps as there is time for, validations among them."""
    validations = int(min(max(budget / _STEPS_BETWEEN, _FEWEST_VALIDATIONS), VALIDATIONS))
    steps = round(budget - (validations + 1) * _validation_in_steps(recipe))
    steps = max(steps, validations)
    every = math.ceil(steps / validations)
    return replace(recipe, steps=steps, validate_every=every, checkpoint_every=every)


def _steps_in_all(recipe: Recipe) -> float:
    """Return how many steps a run takes as long as, with its validations."""
    validations = 1 + math.ceil(recipe.steps / recipe.validate_every)
    return recipe.steps + validations * _validation_in_steps(recipe)


def _validation_in_steps(recipe: Recipe) -> float:
    """Return how many steps a validation is worth: a gradient takes twice as long as a forward."""
    return recipe.validation_batch / (3 * recipe.batch)


def _stacks(source: Source, noise: StackNoise, recipe: Recipe) -> list[TrainingStack]:
    """Return the channels whose noise is known."""
    several = len(noise.channels) > 1
    stacks = [
        open_noisy_stack(
            select(source, Selection(channels=(number,))) if several else source, recipe, camera
        )
        for number, camera in enumerate(noise.channels, 1)
        if not camera.is_none
    ]
    if not stacks:
        raise CrispimError(
            f"The noise of '{source.path}' can't be measured, and without it no model can be "
            "adapted: tell it with --noise."
        )
    return stacks


def _plan(recipe: Recipe, seconds: float | None, stacks: list[TrainingStack]) -> Plan:
    """Say what is going to be done."""
    return Plan(recipe.steps, seconds, *_scale(stacks))


def _finished(folder: Path, start: Model, stacks: list[TrainingStack]) -> Model:
    """Return the model that an earlier run made, unless it was of another model or stack."""
    model = load_model(folder)
    made = model.spec.provenance
    begun = (made.get("started_from") or {}).get("sha256")
    data = [describe_stack(stack) for stack in stacks]
    if (begun, made.get("data")) != (start.spec.sha256, data):
        raise CrispimError(
            f"'{folder}' holds a model that was made of another model or stack: give --overwrite "
            "to adapt again, or move it away."
        )
    return model


def _adapted(model: Model, folder: Path, stacks: list[TrainingStack]) -> Adapted:
    """Say what an adaptation is worth, by its history."""
    history = read_history(folder / HISTORY_FILE)
    scale, unit = _scale(stacks)
    first, best = history[0], min(history, key=lambda entry: entry.validation_loss)
    kept = first if best.is_below_zero else best
    return Adapted(
        model=model,
        noisy=scale,
        before=_error(first, scale),
        after=_error(kept, scale),
        unit=unit,
        steps=history[-1].step,
        is_better=kept is not first,
        is_doubtful=best.is_below_zero,
    )


def _error(entry: HistoryEntry, scale: float) -> float:
    """Return an estimated error, NaN for one that came out below 0."""
    return math.nan if entry.is_below_zero else entry.error * scale


def _scale(stacks: list[TrainingStack]) -> tuple[float, str]:
    """Return what a unit of the noise is, and in which unit errors are told."""
    cameras = {stack.noise.camera for stack in stacks if stack.noise is not None}
    camera = next(iter(cameras))
    if len(cameras) > 1 or camera.gain:
        return 1.0, "of the noise"
    return camera.read_noise, "counts"
