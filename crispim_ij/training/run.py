"""What a training run begins with: its description and a network to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.networks import build
from crispim_ij.training.losses import LOSSES
from crispim_ij.training.patches import TrainingStack
from crispim_ij.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


def fix_order() -> None:
    """Let every sum be taken in the same order each time."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def describe_run(
    stacks: Sequence[TrainingStack], recipe: Recipe, start_from: Model | None, devices: int
) -> dict[str, Any]:
    """Describe all that decides a run's weights.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        What it trains on.
    recipe : Recipe
        How.
    start_from : Model or None
        Whose weights it begins with.
    devices : int
        How many share each batch.

    Returns
    -------
    dict
        JSON-ready.
    """
    return {
        "recipe": asdict(recipe),
        "data": [_describe_stack(stack) for stack in stacks],
        "started_from": start_from and asdict(start_from.spec),
        "devices": devices,
    }


def _describe_stack(stack: TrainingStack) -> dict[str, Any]:
    described = {"shape": list(stack.clean.shape), "sha256": stack.sha256}
    if stack.noise is not None:
        return {"noisy": stack.clean.path.name, **described, "noise": asdict(stack.noise.camera)}
    noisy = {"noisy": stack.noisy.path.name} if stack.noisy is not None else {}
    own = {"own_noise": stack.own_noise} if stack.own_noise else {}
    return {"clean": stack.clean.path.name, **described, **noisy, **own}


def fresh_network(recipe: Recipe, start_from: Model | None) -> keras.Model:
    """Build and compile the network that a run begins with.

    Parameters
    ----------
    recipe : Recipe
        Its architecture, seed and optimizer.
    start_from : Model or None
        Whose weights it takes instead of random ones.

    Returns
    -------
    keras.Model
        Ready to train.

    Raises
    ------
    CrispimError
        If `start_from` is of another architecture.
    """
    import keras

    from crispim_ij.training.optimizers import build_optimizer

    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.architecture, precision=recipe.precision)
    if start_from is not None:
        begin = _beginning(start_from, recipe)
        if begin is None:
            raise CrispimError(
                f"{start_from.folder} is a {start_from.spec.architecture!r} network, which recipe "
                f"{recipe.name!r} can't start from; give a {recipe.architecture!r} model."
            )
        network.set_weights(begin)
    optimizer = build_optimizer(recipe)
    network.compile(optimizer, loss=LOSSES[recipe.loss], jit_compile=False)
    # Several devices can't make its variables within a step.
    optimizer.build(network.trainable_variables)
    return network


def _beginning(start_from: Model, recipe: Recipe) -> list[Any] | None:
    """Return a model's weights in the form of the recipe's network, if they have one."""
    from crispim_ij.networks import stabilised, unet

    weights: list[Any] = start_from.network().get_weights()
    start, wanted = start_from.spec.architecture, recipe.architecture
    if start == wanted:
        return weights
    inflate = {
        ("residual-2d", "residual-2.5d"): unet.inflate,
        ("stabilised-2d", "stabilised-2.5d"): stabilised.inflate,
    }.get((start, wanted))
    return inflate and inflate(weights)
