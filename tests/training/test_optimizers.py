from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from crispim_ij.models import load_model
from crispim_ij.training import TrainingStack
from crispim_ij.training import train as train_network
from crispim_ij.training.optimizers import KernelMuon, build_optimizer
from tests.training.small import QUIET, RECIPE, assert_same_weights, ignore, interrupt_at

MUON = replace(RECIPE, optimizer="muon", ema_momentum=0.9)


def test_a_kernels_step_is_orthogonal() -> None:
    """Of 32 filters each moves by as much, and none along another's direction."""
    kernel = keras.Variable(np.zeros((3, 3, 16, 32), np.float32))
    optimizer = KernelMuon(0.1, weight_decay=None, adam_weight_decay=None)
    gradient = np.random.default_rng(0).normal(size=kernel.shape).astype(np.float32)
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    step = np.asarray(kernel).reshape(-1, 32)
    scales = np.linalg.svd(step, compute_uv=False)
    # Newton-Schulz brings singular values near 1, the Moonlight scale to Adam's length.
    wanted = 0.1 * 0.2 * np.sqrt(144)
    assert 0.6 * wanted < scales.min() < scales.max() < 1.3 * wanted
    assert np.sum(step * gradient.reshape(-1, 32)) < 0


@pytest.mark.parametrize("shape", [(32,), (3, 3, 1, 32), (1, 1, 32, 1)])
def test_biases_and_the_outermost_kernels_are_adams(shape: tuple[int, ...]) -> None:
    variable = keras.Variable(np.zeros(shape, np.float32))
    optimizer = KernelMuon(0.1, weight_decay=None, adam_weight_decay=None)
    optimizer.apply([keras.ops.ones(shape)], [variable])
    np.testing.assert_allclose(np.asarray(variable), -0.1, rtol=1e-3)


def test_recipes_choose() -> None:
    assert type(build_optimizer(RECIPE)) is keras.optimizers.Adam
    chosen = build_optimizer(MUON)
    assert isinstance(chosen, KernelMuon)
    assert (chosen.use_ema, chosen.ema_momentum) == (True, 0.9)
    assert (chosen.weight_decay, chosen.adam_weight_decay) == (None, None)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    whole = train_network(stacks, MUON, tmp_path / "whole", settings=QUIET, on_step=ignore)
    with pytest.raises(KeyboardInterrupt):
        train_network(stacks, MUON, tmp_path / "parts", settings=QUIET, on_step=interrupt_at(4))
    train_network(stacks, MUON, tmp_path / "parts", settings=QUIET, resume=True, on_step=ignore)
    assert_same_weights(whole, load_model(tmp_path / "parts"))
