from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from crispim_ij.cli.calibrate import calibrate
from crispim_ij.cli.evaluate import evaluate
from crispim_ij.cli.train import train
from crispim_ij.errors import CrispimError
from crispim_ij.models import load_model
from crispim_ij.noise import CameraNoise, read_camera
from crispim_ij.phantom import PhantomSettings, simulate_volume
from tests.noise.conftest import DARK, picture

app = typer.Typer()
for command in (calibrate, evaluate, train):
    app.command()(command)

CAMERA = CameraNoise(2, DARK, 10)
EVALUATE = ("--method", "noisy", "--planes", 2)
TRAIN = ("--steps", 2, "--batch", 2, "--patch", 32, "--sample-every", 0)


@pytest.fixture(scope="module")
def volume() -> NDArray[np.uint16]:
    return simulate_volume(PhantomSettings(shape=(4, 320, 400), seed=2))


@pytest.fixture
def clean(tmp_path: Path, volume: NDArray[np.uint16]) -> Path:
    tifffile.imwrite(tmp_path / "clean.tif", volume[:, :96, :128], imagej=True)
    return tmp_path / "clean.tif"


@pytest.fixture
def noisy(tmp_path: Path, volume: NDArray[np.uint16]) -> Path:
    tifffile.imwrite(tmp_path / "noisy.tif", picture(volume, CAMERA), imagej=True)
    return tmp_path / "noisy.tif"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = call(*arguments)
    assert isinstance(result.exception, CrispimError), result.output
    return str(result.exception)


@pytest.mark.long
def test_a_camera_is_measured_and_used(clean: Path, noisy: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.json"
    answer = call("calibrate", noisy, "--offset", DARK, "--out", camera)
    assert answer.exit_code == 0, answer.output
    assert "Poisson-Gaussian" in answer.output
    assert str(camera) in answer.output
    assert "shot noise of what light" not in answer.output
    assert camera.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    found = read_camera(str(camera))
    assert found.gain == pytest.approx(CAMERA.gain, rel=0.1)
    printed = re.search(r"--camera +(\S+)", answer.output)
    assert printed
    assert read_camera(printed[1]).gain == pytest.approx(found.gain, rel=1e-3)

    out = tmp_path / "report"
    answer = call("evaluate", clean, *EVALUATE, "--camera", camera, "--out", out)
    assert answer.exit_code == 0, answer.output
    told = json.loads((out / "report.json").read_text())["command"]
    assert f"--camera {found.gain!r}:{found.offset!r}:{found.read_noise!r}" in told
    assert "--noise-sd" not in told
    figures = (out / "evaluation.csv").read_bytes()
    camera.unlink()
    answer = call(*told.split()[1:], "--overwrite")
    assert answer.exit_code == 0, answer.output
    assert (out / "evaluation.csv").read_bytes() == figures


def test_without_offset_the_read_noise_is_explained(noisy: Path, tmp_path: Path) -> None:
    answer = call("calibrate", noisy, "--planes", 2)
    assert answer.exit_code == 0, answer.output
    assert "of the darkest hundredth" in answer.output
    assert "shot noise of what light" in answer.output
    assert not list(tmp_path.glob("*.json"))


def test_noise_that_neighbours_share_is_warned_of(
    tmp_path: Path, volume: NDArray[np.uint16]
) -> None:
    white = np.random.default_rng(0).normal(0, 30, volume.shape)
    shared = volume + 200 + (white + np.roll(white, 1, 2)) / 2**0.5
    tifffile.imwrite(tmp_path / "shared.tif", np.rint(shared).astype(np.uint16), imagej=True)
    answer = call("calibrate", tmp_path / "shared.tif")
    assert answer.exit_code == 0, answer.output
    assert "Neighbouring pixels share noise" in answer.output


def test_results_are_kept_unless_told(noisy: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.json"
    camera.with_suffix(".png").write_text("mine")
    assert "--overwrite" in refusal("calibrate", noisy, "--out", camera)
    assert not camera.exists()
    assert call("calibrate", noisy, "--out", camera, "--overwrite").exit_code == 0
    assert camera.exists()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--planes", 0), "--planes"),
        (("--offset", "nan"), "--offset"),
        (("--out", "camera.png"), "ends in .json"),
        (("--out", "nowhere/camera.json"), "in a folder that exists"),
    ],
)
def test_bad_options_of_calibrate(noisy: Path, arguments: tuple[object, ...], what: str) -> None:
    assert what in refusal("calibrate", noisy, *arguments)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--camera", "1:100:3", "--noise-sd", "30"), "--camera and --noise-sd contradict"),
        (("--camera", "1:100:3", "--noisy", "x"), "--camera and --noisy contradict"),
        (("--camera", "missing.json"), "missing.json"),
        (("--camera", "-1:100:3"), "gain can't be"),
    ],
)
@pytest.mark.parametrize("name", ["evaluate", "train"])
def test_bad_cameras(
    clean: Path, tmp_path: Path, name: str, arguments: tuple[object, ...], what: str
) -> None:
    out = tmp_path / "out"
    asked: tuple[object, ...] = ("evaluate", clean, *EVALUATE, "--out", out)
    if name == "train":
        asked = ("train", out, "--clean", clean, *TRAIN)
    assert what in refusal(*asked, *arguments)
    assert not out.exists()


GUESSES = 'name = "mine"\narchitecture = "residual-2d"\nsteps = 9\nbatch = 2\npatch = 32\n'
"""A recipe of a network that guesses the noise."""


@pytest.mark.long
def test_a_network_is_trained_for_a_camera(clean: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(GUESSES)
    out = tmp_path / "mine"
    options = ("--recipe", recipe, *TRAIN, "--camera", "2:98:10")
    answer = call("train", out, "--clean", clean, *options)
    assert answer.exit_code == 0, answer.output
    recipe = load_model(out).spec.provenance["recipe"]
    assert recipe["camera"] == {"gain": [2, 2], "offset": [98, 98], "read_noise": [10, 10]}
    assert recipe["contrast"] is None


@pytest.mark.parametrize("noise", [("--camera", "2:98:10"), ("--noise-sd", "20:40")])
def test_a_network_that_is_told_the_noise_is_for_no_camera(
    clean: Path, tmp_path: Path, noise: tuple[str, str]
) -> None:
    said = refusal("train", tmp_path / "mine", "--clean", clean, *TRAIN, *noise)
    assert f"told the noise, and so learns from any: leave {noise[0]} out" in said
    assert not (tmp_path / "mine").exists()


@pytest.mark.long
def test_noise_sd_takes_the_place_of_a_recipes_camera(clean: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(GUESSES + "[camera]\ngain = 2\noffset = 98\nread_noise = 10\n")
    out = tmp_path / "mine"
    options = ("--recipe", recipe, *TRAIN, "--noise-sd", "20")
    answer = call("train", out, "--clean", clean, *options)
    assert answer.exit_code == 0, answer.output
    trained = load_model(out).spec.provenance["recipe"]
    assert (trained["camera"], trained["noise_sd"]) == (None, [20, 20])
