from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.models import load_model
from tests.cli.conftest import Call

SMALL = ("--steps", 2, "--batch", 2, "--patch", 32)


@pytest.mark.parametrize("recipe", ["paper-2d", "paper-3d", "crispim-2d"])
def test_a_short_run(call: Call, noisy: Path, tmp_path: Path, recipe: str) -> None:
    output = tmp_path / "mine"
    answer = call("train", output, "--clean", noisy, "--recipe", recipe, *SMALL, "--seed", 5)
    assert answer.status == 0, answer.err
    provenance = load_model(output).spec.provenance["recipe"]
    assert (provenance["name"], provenance["steps"], provenance["seed"]) == (recipe, 2, 5)
    again = call("train", output, "--clean", noisy, *SMALL)
    assert again.status == 2
    assert "--overwrite" in again.err


def test_pairs(call: Call, noisy: Path, tmp_path: Path) -> None:
    options = ("--recipe", "paper-2d", *SMALL)
    answer = call("train", tmp_path / "mine", "--clean", noisy, "--noisy", noisy, *options)
    assert answer.status == 0, answer.err
    answer = call(
        "train", tmp_path / "other", "--clean", noisy, "--clean", noisy, "--noisy", noisy, *options
    )
    assert answer.status == 2
    assert "--noisy is given 1 times and --clean 2 times" in " ".join(answer.err.split())


def test_nothing_to_resume(call: Call, noisy: Path, tmp_path: Path) -> None:
    answer = call("train", tmp_path / "mine", "--clean", noisy, *SMALL, "--resume")
    assert answer.status == 2
    assert "--resume" in answer.err
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("noise", ["fast", "3:2", "1:2:3"])
def test_noise_that_is_none(call: Call, noisy: Path, tmp_path: Path, noise: str) -> None:
    answer = call("train", tmp_path / "mine", "--clean", noisy, *SMALL, "--noise-sd", noise)
    assert answer.status == 2
    assert "noise" in answer.err
