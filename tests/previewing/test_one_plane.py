from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crispim_ij.denoising import load_denoiser
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise, NoiseOptions
from crispim_ij.noise.grain import Grain
from crispim_ij.noise.risk import Risk, estimate_risk
from crispim_ij.parity import Interpolation, resize
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata
from crispim_ij.previewing import Crop, look, preview, strip, write_picture
from crispim_ij.previewing.one_plane import Trial, advised, forecast
from crispim_ij.previewing.picture import draw_picture
from tests.guessing import guessing_model
from tests.made import fresh_model
from tests.told import told_model


@pytest.fixture(scope="module", params=["residual-2d", "residual-2.5d"])
def model(request: pytest.FixtureRequest) -> Model:
    return fresh_model(request.param)


@pytest.fixture(scope="module")
def source() -> ArraySource:
    clean = simulate_volume(PhantomSettings(shape=(5, 150, 190)))
    return ArraySource(clean + np.random.default_rng(0).normal(0, 30, clean.shape))


def test_a_preview_is_what_denoising_gives(
    source: ArraySource, model: Model, tmp_path: Path
) -> None:
    looked = look(source, model, 3, Crop(70, 90, 50))
    crops: list[NDArray[np.float32]] = []
    found = preview(source, model, looked, crops.append)
    denoise = load_denoiser(str(model.folder))
    around = source.read(3) if denoise.depth == 1 else looked.pixels
    np.testing.assert_allclose(found.denoised, denoise(around), atol=1e-3)
    np.testing.assert_allclose(crops[0], found.denoised[70:120, 90:140], atol=1e-3)
    np.testing.assert_array_equal(looked.plane, source.read(3))
    assert looked.noise.at(0.5)[0] == pytest.approx(30, rel=0.05)
    assert looked.fit.fits is None
    assert found.forecast.seconds > 0
    assert {trial.precision for trial in found.trials} <= {"float32", "bfloat16"}
    assert all(trial.rate > 0 for trial in found.trials)
    greys = strip(looked, crops[0])
    assert (greys.shape, greys.dtype) == ((50, 3 * 50 + 2 * 8), np.uint8)
    write_picture(found, "a $title", tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 12 * 110


def test_a_picture_names_what_is_shown(source: ArraySource, tmp_path: Path) -> None:
    model = guessing_model(tmp_path / "guesses")
    figure = draw_picture(preview(source, model, look(source, model, 3, None)), "in.tif, plane 3")
    noisy, denoised, difference = (axes.get_title() for axes in figure.axes[:3])
    assert re.fullmatch(r"noisy: \d+ to \d+ counts", noisy)
    assert denoised == noisy.replace("noisy", "denoised")
    assert re.fullmatch("difference: \N{MINUS SIGN}([0-9.]+) to \\1 counts", difference)
    figure.draw_without_rendering()
    (heading,) = figure.texts
    assert heading.get_text().strip() == "in.tif, plane 3"
    line = heading.get_fontsize() * figure.dpi / 72
    # By more than the lines of one text are apart.
    bottom = heading.get_window_extent().y1 - 1.2 * line
    assert bottom > figure.axes[1].title.get_window_extent().y1 + line / 2


@pytest.mark.parametrize(
    ("deviation", "sd", "precision"),
    [(2.9, 30, "bfloat16"), (3.1, 30, "float32"), (14, 1, "float32"), (0.1, 0, "float32")],
)
def test_a_precision_that_differs_much_is_not_advised(
    deviation: float, sd: float, precision: str
) -> None:
    trials = [Trial("float32", 1.0, 0.0), Trial("bfloat16", 2.0, deviation)]
    assert advised(trials, sd).precision == precision
    assert advised([Trial("float32", 1.0, 0.0), Trial("bfloat16", 0.5, 0.0)], 30) == trials[0]


def test_other_models_are_named_where_one_does_not_fit(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).normal(300, 200, (1, 64, 64))
    looked = look(ArraySource(plane), guessing_model(tmp_path / "guesses"), None, None)
    assert looked.fit.fits is False
    assert "crispim-2d" in looked.alternatives


def test_a_3d_model_has_no_neighbours_of_one_slice() -> None:
    from crispim_ij.models import find_model

    plane = np.random.default_rng(0).normal(300, 30, (1, 64, 64))
    looked = look(ArraySource(plane), find_model("crispim-3d"), None, None)
    assert looked.fit.fits is False
    assert "there is one slice" in looked.fit.says
    assert "crispim-2d" in looked.alternatives
    assert "crispim-3d" not in looked.alternatives


def test_a_model_is_told_the_noise_of_the_channel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stack = np.stack([rng.normal(300, sd, (4, 64, 80)) for sd in (8, 50)], axis=1)
    source = ArraySource(stack.reshape(8, 64, 80))
    source.metadata = Metadata(axes="ZC", sizes=(4, 2))
    told = told_model(tmp_path / "told")
    for index, sd in ((4, 8), (5, 50)):
        looked = look(source, told, index, None)
        assert looked.told == looked.noise.noise
        assert looked.told.read_noise == pytest.approx(sd, rel=0.1)
    assert looked.fit.fits is True
    found = preview(source, told, looked)
    expected = load_denoiser(str(told.folder)).told(looked.told)(source.read(5))
    np.testing.assert_allclose(found.denoised, expected, atol=0.05)
    camera = CameraNoise(2, 100, 6)
    given = look(source, told, 5, None, NoiseOptions(camera, 1.5))
    assert given.told == camera.scaled(1.5)
    assert given.noise == looked.noise


def test_noise_of_enlarged_planes_is_drawn_where_the_crop_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stronger in every third row, wherever the surroundings of the crop begin."""
    fine = np.random.default_rng(0).normal(300, 30, (3, 150, 150)).astype(np.float32)
    larger = [resize(plane, 225, 225, Interpolation.BILINEAR, average=False) for plane in fine]
    source, told = ArraySource(np.stack(larger)), told_model(tmp_path / "told")
    begins = []

    def seen(given: NDArray[np.float32], *others: Any, grain: Grain) -> Risk:
        assert grain.sampling
        ((row, column),) = np.argwhere(looked.plane == given[0, 0])
        begins.append((grain.sampling, (row, column)))
        return estimate_risk(given, *others, grain=grain)

    monkeypatch.setattr("crispim_ij.previewing.one_plane.estimate_risk", seen)
    looked = look(source, told, 1, Crop(71, 94, 50))
    preview(source, told, looked)
    assert looked.noise.grain
    assert looked.noise.grain.sampling
    drawn, begin = begins[0]
    assert min(begin) > 0
    for axis, whole, pixel in zip(drawn, looked.noise.grain.sampling, begin, strict=True):
        assert axis == whole.at(pixel)


def test_a_run_is_foretold() -> None:
    source = ArraySource(np.broadcast_to(np.uint16(1), (50, 1000, 2000)))
    found = forecast(source, 1.5)
    assert (found.seconds, found.size) == (150, 200_000_000)
    assert found.free > 0


@pytest.mark.parametrize("is_long", [pytest.param(False, marks=pytest.mark.long), True])
def test_for_a_long_run_a_faster_model_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    monkeypatch.setattr("crispim_ij.previewing.one_plane._PATIENCE", 0 if is_long else 120)
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    model = told_model(tmp_path / "mine")
    told_model(tmp_path / "mine-fast", "stabilised-2d-fast")
    noisy = np.random.default_rng(0).normal(300, 30, (64, 64)).astype(np.float32)
    source = ArraySource(np.broadcast_to(noisy, (3, 64, 64)))
    found = preview(source, model, look(source, model, 1, None))
    assert bool(found.faster) == is_long
    if found.faster:
        assert found.faster.name == "mine-fast"
        assert 0 < found.faster.seconds < 20 * found.forecast.seconds
        assert found.faster.deviation > 0
