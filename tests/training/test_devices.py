from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.models import load_model
from crispim_ij.training import TrainingStack, train
from crispim_ij.training.devices import choose_devices
from crispim_ij.training.log import read_history
from tests.training.process import train_apart
from tests.training.small import (
    QUIET,
    RECIPE,
    assert_same_weights,
    ignore,
    interrupt_at,
    steps_told,
)

FOUR = replace(RECIPE, batch=4, ema_momentum=0.9, precision="float32")


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let TensorFlow say that there are four GPUs."""
    import tensorflow as tf

    gpus = [tf.config.LogicalDevice(f"/device:GPU:{k}", "GPU") for k in range(4)]
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: gpus if kind == "GPU" else []
    )
    return [gpu.name for gpu in gpus]


@pytest.mark.parametrize(("batch", "chosen"), [(16, 4), (15, 3), (6, 3), (2, 2), (7, 1)])
def test_as_many_as_divide_the_batch(four_gpus: list[str], batch: int, chosen: int) -> None:
    assert choose_devices(None, replace(RECIPE, batch=batch)) == four_gpus[:chosen]


def test_as_many_as_are_asked_for(four_gpus: list[str]) -> None:
    recipe = replace(RECIPE, batch=15)
    assert choose_devices(1, recipe) == four_gpus[:1]
    with pytest.raises(CrispimError, match=r"--devices is 2, .* batch of 15 .*one of 1, 3, or"):
        choose_devices(2, recipe)
    with pytest.raises(CrispimError, match=r"--devices is 5, but .* sees only 4 .*GPU:3"):
        choose_devices(5, recipe)


def test_the_processor_where_there_is_no_gpu() -> None:
    assert [name[-5:] for name in choose_devices(None, RECIPE)] == ["CPU:0"]


@pytest.mark.slow
def test_two_devices_train_as_one_does(stacks: list[TrainingStack], tmp_path: Path) -> None:
    """Killed and gone on, they end at the same bits; and within rounding of one device."""
    two = {"settings": {"devices": 2, "sample_every": 0}}
    clean = stacks[0].clean.path
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    killed = train_apart(
        clean, FOUR, {**two, "folder": whole}, {**two, "folder": parts, "kill_at": 5}
    )
    assert killed == -signal.SIGKILL
    assert not (parts / "model.json").exists()
    with pytest.raises(CrispimError, match=r"recipe.json says .* 2 device.*--devices 2, or"):
        train(stacks, FOUR, parts, settings=QUIET, resume=True, on_step=ignore)
    assert train_apart(clean, FOUR, {**two, "folder": parts, "resume": True}) == 0
    assert_same_weights(load_model(parts), load_model(whole))
    assert steps_told(parts) == [2, 4, 6, 8]

    one = train(stacks, FOUR, tmp_path / "one", settings=QUIET, on_step=ignore)
    assert load_model(whole).spec.provenance["devices"] == 2
    for ours, theirs in zip(
        load_model(whole).network().get_weights(), one.network().get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    of_whole, of_one = (read_history(folder / "history.csv") for folder in (whole, one.folder))
    for first, second in zip(of_whole, of_one, strict=True):
        assert first.loss == pytest.approx(second.loss, rel=1e-5)
        assert first.validation_loss == pytest.approx(second.validation_loss, rel=1e-5)
        assert first.learning_rate == second.learning_rate


def test_a_batch_is_not_given_to_each_device(stacks: list[TrainingStack], tmp_path: Path) -> None:
    """Devices that can't share a batch are refused before anything is written."""
    with pytest.raises(CrispimError, match="--devices is 3"):
        train(
            stacks,
            FOUR,
            tmp_path / "mine",
            settings=replace(QUIET, devices=3),
            on_step=interrupt_at(1),
        )
    assert not (tmp_path / "mine").exists()
