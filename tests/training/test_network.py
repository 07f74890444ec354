from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.training.checkpoints import load_checkpoint, save_checkpoint, steps_done
from crispim_ij.training.network import (
    FLOOR,
    LEAST,
    LOSSES,
    fresh_network,
    log_mse,
    rmse,
    squared_error,
)
from tests.training.small import RECIPE

CLEAN = np.zeros((2, 4, 4, 1), np.float32)
PREDICTED = CLEAN + np.float32([10, 100]).reshape(2, 1, 1, 1)


def test_log_mse_is_the_mean_of_the_patches_logarithms() -> None:
    expected = np.log([10**2 + FLOOR, 100**2 + FLOOR]).mean()
    assert float(log_mse(CLEAN, PREDICTED)) == pytest.approx(expected, rel=1e-5)


def test_losses_are_told_in_squared_counts() -> None:
    value = float(log_mse(CLEAN, CLEAN + np.float32(30)))
    assert squared_error("log-mse", value) == pytest.approx(900, rel=1e-4)
    assert squared_error("mse", 900.0) == 900.0


def test_rmse_is_the_mean_of_the_patches_roots() -> None:
    value = float(rmse(CLEAN, CLEAN + np.float32([0.1, 0.5]).reshape(2, 1, 1, 1)))
    assert value == pytest.approx(np.sqrt(np.square([0.1, 0.5]) + LEAST).mean(), rel=1e-5)
    alike = float(rmse(CLEAN, CLEAN + np.float32(0.3)))
    assert squared_error("rmse", alike) == pytest.approx(0.09, rel=1e-4)
    assert squared_error("rmse", 0.0) == 0.0


def test_every_loss_of_a_recipe_is_there() -> None:
    assert set(LOSSES) == {"mse", "rmse", "log-mse"}


@pytest.mark.parametrize("architecture", ["stabilised-2d", "stabilised-2d-fast", "stabilised-2.5d"])
def test_checkpoints_of_networks_that_are_told_the_noise(tmp_path: Path, architecture: str) -> None:
    """Keras must be told of the layer and the optimizer that are our own."""
    changes = {"architecture": architecture, "loss": "rmse", "optimizer": "muon"}
    network = fresh_network(replace(RECIPE, contrast=(2.0, 200.0), **changes), None)
    save_checkpoint(network, tmp_path / "checkpoint.keras")
    loaded = load_checkpoint(tmp_path / "checkpoint.keras")
    assert steps_done(loaded) == 0
    for ours, theirs in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
