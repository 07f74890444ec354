from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from crispim_ij.models import load_model
from tests.cli.conftest import Call

SMALL = ("--steps", 2, "--batch", 2, "--patch", 32)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("paper-2d", marks=pytest.mark.long),
        pytest.param("paper-3d", marks=pytest.mark.slow),
        pytest.param("crispim-2d", marks=pytest.mark.long),
    ],
)
def test_a_short_run(call: Call, noisy: Path, tmp_path: Path, recipe: str) -> None:
    output = tmp_path / "mine"
    answer = call("train", output, "--clean", noisy, "--recipe", recipe, *SMALL, "--seed", 5)
    assert answer.status == 0, answer.err
    provenance = load_model(output).spec.provenance["recipe"]
    assert (provenance["name"], provenance["steps"], provenance["seed"]) == (recipe, 2, 5)
    assert re.search(r"The network waited for data in \d+\.\d% of the time", answer.out)
    assert {file.name for file in (output / "samples").iterdir()} == {
        "step-000001.png",
        "step-000002.png",
    }
    again = call("train", output, "--clean", noisy, *SMALL)
    assert again.status == 2
    assert "--overwrite" in again.err


@pytest.mark.long
def test_pairs(call: Call, noisy: Path, tmp_path: Path) -> None:
    options = ("--recipe", "paper-2d", *SMALL, "--sample-every", 0)
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


@pytest.mark.long
def test_options_of_the_run(call: Call, noisy: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine[b]"  # which Rich would take for markup
    options = ("--sample-every", 0, "--tensorboard", "--devices", 1, "--workers", 3, "--cache", 0)
    answer = call("train", output, "--clean", noisy, "--recipe", "paper-2d", *SMALL, *options)
    assert answer.status == 0, answer.err
    assert not (output / "samples").exists()
    assert len(list((output / "tensorboard").iterdir())) == 1
    assert f"Model written to {output}" in answer.out


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--devices", 2, "--devices is 2, but TensorFlow sees only 1 here"),
        ("--devices", 0, "--devices is 0; it must be 1 or more"),
        ("--sample-every", -1, "--sample-every is -1; it must be 0 or more"),
        ("--workers", 0, "--workers is 0; it must be 1 or more"),
        ("--cache", -1, "--cache is -1.0; it must be 0 or more"),
    ],
)
def test_options_that_can_not_be(
    call: Call, noisy: Path, tmp_path: Path, option: str, value: int, says: str
) -> None:
    answer = call("train", tmp_path / "mine", "--clean", noisy, *SMALL, option, value)
    assert answer.status == 2
    assert says in " ".join(answer.err.split())
    assert not (tmp_path / "mine").exists()


LIGHT = np.linspace(200, 800, 96) * np.ones((12, 96, 1))
"""All levels, as it takes to measure noise."""


def write_planes(path: Path, planes: np.ndarray) -> None:
    tifffile.imwrite(path, planes.astype(np.uint16), photometric="minisblack")


@pytest.mark.long
def test_blind(call: Call, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 20, LIGHT.shape)
    write_planes(tmp_path / "own.tif", LIGHT + noise)
    options = ("--recipe", "blind", *SMALL, "--sample-every", 0)
    answer = call("train", tmp_path / "mine", "--noisy", tmp_path / "own.tif", *options)
    assert answer.status == 0, answer.err
    said = " ".join(answer.err.split())
    assert "bright" not in said  # where it is as strong as elsewhere
    assert re.search(r"own.tif: noise of sd (19|20|21)(\.\d)? counts ", said)
    (data,) = load_model(tmp_path / "mine").spec.provenance["data"]
    assert data["noise"]["read_noise"] == pytest.approx(20, rel=0.15)
    assert "It removes no noise to speak of: its error is" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--recipe", "blind", "--clean"), "learns from noisy planes alone"),
        (("--recipe", "blind", "--noise-sd", 30, "--noisy"), "leave --noise-sd out"),
        (("--recipe", "paper-2d", "--noisy"), "needs clean planes (--clean)"),
    ],
)
def test_data_that_do_not_suit_the_recipe(
    call: Call, noisy: Path, tmp_path: Path, given: tuple[object, ...], said: str
) -> None:
    answer = call("train", tmp_path / "mine", *given, noisy, *SMALL)
    assert answer.status == 2
    assert said in " ".join(answer.err.split())
    assert not (tmp_path / "mine").exists()


@pytest.mark.long
def test_noise_that_neighbours_share_is_warned_of(call: Call, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 90, LIGHT.shape)
    write_planes(tmp_path / "own.tif", LIGHT + gaussian_filter(noise, (0, 0.8, 0.8)))
    options = ("--noisy", tmp_path / "own.tif", "--recipe", "blind", *SMALL, "--sample-every", 0)
    answer = call("train", tmp_path / "mine", *options)
    assert answer.status == 0, answer.err
    assert "Neighbouring pixels share their noise" in " ".join(answer.err.split())


def test_a_key_by_its_older_name_is_told(
    call: Call, noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crispim_ij.training.job.seconds_a_step", lambda *_: 1.0)  # takes seconds
    text = 'name = "mine"\narchitecture = "residual-2d"\nsteps = 2\nbatch = 2\npatch = 32\n'
    (tmp_path / "mine.toml").write_text(text + "average = 0.9\n", encoding="utf-8")
    options = ("--clean", noisy, "--recipe", tmp_path / "mine.toml", "--dry-run")
    answer = call("train", tmp_path / "out", *options)
    assert answer.status == 0, answer.err
    assert "'average', which is called 'ema_momentum' now" in " ".join(answer.err.split())
