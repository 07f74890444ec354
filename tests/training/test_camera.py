"""Training on the noise of a camera."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.noise import CameraNoise, CameraRange, range_of
from crispim_ij.planes import open_source
from crispim_ij.training import Recipe, TrainingStack, load_recipe, open_stack
from crispim_ij.training import train as train_network
from crispim_ij.training.patches import training_batch
from tests.training.small import QUIET, RECIPE, assert_same_weights, ignore, interrupt_at

train = partial(train_network, settings=QUIET)

RANGE = CameraRange((0.5, 2.0), (100.0, 100.0), (3.0, 6.0))
SMALL = replace(RECIPE, steps=4, checkpoint_every=1, camera=RANGE)
TOML = 'name = "mine"\narchitecture = "paper-2d"\nsteps = 3\nbatch = 2\npatch = 32\n'
TABLE = "[camera]\ngain = [0.5, 2.0]\noffset = 100\nread_noise = [3, 6.0]\n"


def read_toml(folder: Path, content: str) -> Recipe:
    path = folder / "mine.toml"
    path.write_text(content, encoding="utf-8")
    return load_recipe(str(path))


def test_patches_have_the_cameras_noise(tmp_path: Path) -> None:
    levels = np.array([150, 500, 3000], np.uint16)
    planes = np.repeat(levels, 40 * 40).reshape(3, 40, 40)
    tifffile.imwrite(tmp_path / "even.tif", planes, photometric="minisblack")
    camera = CameraNoise(2, 100, 10)
    recipe = replace(RECIPE, batch=90, validation_share=0.0, camera=range_of(camera))
    with open_source(tmp_path / "even.tif") as source:
        noisy, clean = training_batch([open_stack(source, None, recipe)], recipe, 0)
    assert noisy.dtype == np.float32
    for level in levels:
        these = clean[:, 0, 0, 0] == level
        noise = noisy[these] - level
        assert noise.var() == pytest.approx(2 * (level - 100.0) + 100, rel=0.05)
        assert noise.mean() == pytest.approx(0, abs=1)


def test_each_patch_has_its_own_camera_and_no_type_is_left(tmp_path: Path) -> None:
    planes = np.full((3, 40, 40), 200, np.uint8)
    tifffile.imwrite(tmp_path / "even.tif", planes, photometric="minisblack")
    recipe = replace(RECIPE, batch=40, camera=CameraRange((1.0, 50.0), (0.0, 0.0), (1.0, 1.0)))
    with open_source(tmp_path / "even.tif") as source:
        noisy, _ = training_batch([open_stack(source, None, recipe)], recipe, 0)
    sds = noisy.std((1, 2, 3))
    assert sds.max() > 3 * sds.min()
    assert noisy.max() == 255
    assert noisy.min() >= 0


def test_a_mini_stack_is_taken_by_one_camera(tmp_path: Path) -> None:
    even = np.full((40, 64, 64), 5000, np.uint16)
    tifffile.imwrite(tmp_path / "even.tif", even, photometric="minisblack")
    camera = CameraRange((1.0, 20.0), (0.0, 0.0), (0.0, 0.0))
    recipe = replace(RECIPE, architecture="paper-3d", patch=64, batch=8, camera=camera)
    with open_source(tmp_path / "even.tif") as source:
        noisy, _ = training_batch([open_stack(source, None, recipe)], recipe, 0)
    sds = noisy.std((2, 3, 4))
    assert np.ptp(sds, axis=1).max() < 0.1 * sds.mean()
    assert np.ptp(sds[:, 0]) > 0.2 * sds.mean()


@pytest.mark.slow
def test_a_resumed_run_has_the_weights_of_an_unbroken_one(
    stacks: list[TrainingStack], tmp_path: Path
) -> None:
    whole = train(stacks, SMALL, tmp_path / "whole", on_step=ignore)
    with pytest.raises(KeyboardInterrupt):
        train(stacks, SMALL, tmp_path / "broken", on_step=interrupt_at(2))
    other = replace(SMALL, camera=replace(RANGE, gain=(0.5, 3.0)))
    with pytest.raises(CrispimError, match="differs"):
        train(stacks, other, tmp_path / "broken", resume=True, on_step=ignore)
    resumed = train(stacks, SMALL, tmp_path / "broken", resume=True, on_step=ignore)
    assert_same_weights(resumed, whole)
    assert load_recipe(str(tmp_path / "broken" / "recipe.json")) == SMALL


def test_a_table_in_a_recipe(tmp_path: Path) -> None:
    recipe = read_toml(tmp_path, TOML + TABLE)
    assert recipe.camera == RANGE
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"recipe": asdict(recipe), "data": []}), encoding="utf-8")
    assert load_recipe(str(path)) == recipe


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TOML + "noise_sd = [5, 6]\n" + TABLE, "both a camera and noise_sd"),
        (TOML + "contrast = [5.0, 6.0]\n" + TABLE, "contrast is .* left out where a camera"),
        (TOML + "recorruption = 0.5\n" + TABLE, "camera is .* left out where recorruption"),
        (TOML + TABLE.replace("gain", "gian"), "camera is .*a table with gain, offset and"),
        (TOML + TABLE.replace("100", '"dark"'), "camera is .*a table with gain, offset and"),
        (TOML + "camera = 5\n", "camera is 5 .*a table with gain, offset and read_noise"),
        (TOML + "[camera]\n", "camera is {} .*a table with gain, offset and read_noise"),
        (TOML + TABLE.replace("0.5", "5.0"), r"gain can't be 5:2 .*a recipe's camera.*smaller"),
        (TOML + TABLE.replace("3, 6.0", "-3, 6.0"), "read_noise can't be -3"),
    ],
)
def test_recipes_that_are_refused(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(CrispimError, match=says):
        read_toml(tmp_path, content)


@pytest.mark.parametrize("camera", [CameraNoise(1, 100, 3), (1, 2), {"gain": 1}])
def test_what_is_no_camera(camera: Any) -> None:
    with pytest.raises(CrispimError, match=r"camera is .*a table with gain, offset and read_noise"):
        replace(RECIPE, camera=camera)


def test_planes_that_are_noisy_already(stacks: list[TrainingStack], tmp_path: Path) -> None:
    with (
        open_source(tmp_path / "clean.tif") as source,
        pytest.raises(CrispimError, match=r"draws a camera's noise itself.*leave --noisy out"),
    ):
        open_stack(source, source, SMALL)
