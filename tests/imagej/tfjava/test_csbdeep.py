"""Exported zips in TensorFlow 1.15 for Java, run as CSBDeep's plugin does, against Python."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.exporting import Format
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise, camera_as_text, restore, stabilise
from tests.imagej.tfjava.conftest import Exports
from tests.imagej.tfjava.harness import LikeCsbdeep, PluginSettings
from tests.macros.conftest import crispim_ij

COUNTS = 1e-2
CAMERA = CameraNoise(2.1, 100, 9.8)


def noisy(*shape: int) -> NDArray[np.float32]:
    """Planes of 0 to 2000 counts with bright lines."""
    rng = np.random.default_rng(2)
    planes = rng.gamma(4, 60, shape)
    planes[..., shape[-1] // 3] += 1200
    return np.clip(np.rint(planes), 0, 2000).astype(np.float32)


def differences(result: NDArray[np.float32], expected: NDArray[np.float32], margin: int) -> float:
    """Largest difference farther than `margin` px from the planes' edges."""
    assert result.shape == expected.shape
    assert np.ptp(expected) > 5
    inner = (..., slice(margin, -margin or None), slice(margin, -margin or None))
    return float(np.abs(result - expected)[inner].max())


@pytest.mark.parametrize("name", ["paper-2d", pytest.param("residual-2d", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("shape", "tiles", "everywhere"),
    [
        pytest.param((3, 96, 144), 1, False, marks=pytest.mark.long),
        ((2, 96, 144), 4, True),
        pytest.param((1, 93, 141), 1, False, marks=pytest.mark.long),
    ],
)
def test_2d(
    like_csbdeep: LikeCsbdeep,
    exported: Exports,
    tmp_path: Path,
    name: str,
    shape: tuple[int, int, int],
    tiles: int,
    everywhere: bool,
) -> None:
    # Where both sides are cut into tiles of whole blocks, the plugin mirrors all edges too.
    model = exported.model(name)
    stack = noisy(*shape)
    settings = PluginSettings(tiles, model.spec.stride, model.spec.halo)
    result = like_csbdeep(exported.zip(model), stack, settings, tmp_path)
    denoise = Denoiser(model, DenoiseSettings())
    expected = np.stack([denoise(plane) for plane in stack])
    assert differences(result, expected, 0 if everywhere else model.spec.halo) <= COUNTS


@pytest.mark.long
@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize(
    ("name", "shape", "tiles", "everywhere"),
    [
        ("stabilised-2d", (2, 192, 224), 1, False),
        ("stabilised-2d-fast", (1, 352, 416), 4, True),
    ],
)
def test_2d_told_the_noise(
    like_csbdeep: LikeCsbdeep,
    exported: Exports,
    tmp_path: Path,
    is_told: bool,
    name: str,
    shape: tuple[int, int, int],
    tiles: int,
    everywhere: bool,
) -> None:
    # Counts go in where the noise is a part of the graph, values otherwise.
    model = exported.model(name)
    stack = noisy(*shape)
    settings = PluginSettings(tiles, model.spec.stride, model.spec.halo)
    if is_told:
        result = like_csbdeep(exported.zip(model, noise=CAMERA), stack, settings, tmp_path)
    else:
        values = stabilise(stack, CAMERA)
        result = restore(like_csbdeep(exported.zip(model), values, settings, tmp_path), CAMERA)
    denoise = Denoiser(model, DenoiseSettings()).told(CAMERA)
    expected = np.stack([denoise(plane) for plane in stack])
    assert np.abs(expected - stack).mean() > 1
    assert differences(result, expected, 0 if everywhere else model.spec.halo) <= COUNTS


@pytest.mark.long
def test_3d_stack_told_the_noise(
    like_csbdeep: LikeCsbdeep, exported: Exports, tmp_path: Path
) -> None:
    model = exported.model("stabilised-2.5d")
    stack = noisy(8, 176, 184)
    file = exported.zip(model, Format.CSBDEEP_STACK, CAMERA)
    settings = PluginSettings(1, model.spec.stride, overlap=2)
    result = like_csbdeep(file, stack, settings, tmp_path)
    denoise = Denoiser(model, DenoiseSettings()).told(CAMERA)
    around = np.pad(stack, ((3, 3), (0, 0), (0, 0)), mode="symmetric")
    expected = np.stack([denoise(around[z : z + 7]) for z in range(8)])
    assert differences(result, expected, model.spec.halo) <= COUNTS


def keras_planes(model: Model, stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """A 3D network around each plane of a stack that is mirrored at both ends."""
    network = model.network()
    mirrored = np.pad(stack, ((8, 7), (0, 0), (0, 0)), mode="symmetric")
    windows = (mirrored[np.newaxis, z : z + 16, ..., np.newaxis] for z in range(len(stack)))
    return np.stack([np.asarray(network(window))[0, ..., 0] for window in windows])


@pytest.mark.slow
def test_3d_mini_stack(like_csbdeep: LikeCsbdeep, exported: Exports, tmp_path: Path) -> None:
    model = exported.model("paper-3d")
    stack = noisy(16, 16, 240)
    settings = PluginSettings(2, model.spec.stride, model.spec.halo)
    result = like_csbdeep(exported.zip(model), stack, settings, tmp_path)
    expected = np.asarray(model.network()(stack[np.newaxis, ..., np.newaxis]))[..., 0]
    # The seam of the two tiles is at x = 120; at the ends of X the network sees other borders.
    halo = model.spec.halo
    assert differences(result[..., halo:-halo], expected[..., halo:-halo], 0) <= COUNTS


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "tiles"),
    [
        ((24, 16, 24), 1),
        pytest.param((48, 8, 8), 2, marks=pytest.mark.slow),
        ((20, 16, 24), 1),
        ((3, 8, 16), 1),
    ],
)
def test_3d_stack(
    like_csbdeep: LikeCsbdeep,
    exported: Exports,
    tmp_path: Path,
    shape: tuple[int, int, int],
    tiles: int,
) -> None:
    # Z is neither cut nor lengthened, whatever the plugin is told.
    model = exported.model("paper-3d")
    stack = noisy(*shape)
    settings = PluginSettings(tiles, model.spec.stride, overlap=8)
    result = like_csbdeep(exported.zip(model, Format.CSBDEEP_STACK), stack, settings, tmp_path)
    expected = keras_planes(model, stack)
    assert result.shape == expected.shape
    assert differences(result, expected, 0) <= COUNTS


@pytest.mark.long
@pytest.mark.parametrize("planes", [7, 8, 9])
def test_3d_stack_equals_the_command(
    like_csbdeep: LikeCsbdeep, exported: Exports, tmp_path: Path, planes: int
) -> None:
    # Both sides are cut into tiles of whole blocks, so that edges agree, too.
    model = exported.model("crispim-3d")
    stack = noisy(planes, 176, 192)
    settings = PluginSettings(4, model.spec.stride, model.spec.halo)
    file = exported.zip(model, Format.CSBDEEP_STACK, CAMERA)
    result = like_csbdeep(file, stack, settings, tmp_path)
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    options = ("--model", "crispim-3d", "--noise", camera_as_text(CAMERA))
    crispim_ij("denoise", tmp_path / "in.tif", tmp_path / "out.tif", *options)
    expected = tifffile.imread(tmp_path / "out.tif")
    assert expected.dtype == np.float32
    for k in range(planes):
        assert differences(result[k], expected[k], 0) <= COUNTS, f"plane {k}"


@pytest.mark.parametrize("has_entry", [True, False])
def test_folders_need_entries_of_their_own(
    like_csbdeep: LikeCsbdeep, exported: Exports, tmp_path: Path, has_entry: bool
) -> None:
    """What the other tests unpack with is as strict as Fiji."""
    model = exported.model("paper-2d")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(exported.zip(model)) as ours, zipfile.ZipFile(other, "w") as theirs:
        for name in ours.namelist():
            theirs.writestr(name, ours.read(name))
        if has_entry:
            theirs.writestr("variables/", b"")
        theirs.writestr("variables/notes", b"")
    if has_entry:
        like_csbdeep(other, noisy(1, 8, 8), PluginSettings(), tmp_path)
        return
    with pytest.raises(subprocess.CalledProcessError) as caught:
        like_csbdeep(other, noisy(1, 8, 8), PluginSettings(), tmp_path)
    assert "FileNotFoundException" in caught.value.stderr
