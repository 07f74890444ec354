"""The widget, in a real viewer with a real model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager
from scipy.ndimage import uniform_filter

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.models import find_model
from crispim_ij.napari.choices import FOLDER, Choices
from crispim_ij.napari.process import shared_process
from crispim_ij.napari.widget import PREVIEW
from crispim_ij.networks import mini_stack
from crispim_ij.noise import MEASURED, CameraNoise
from crispim_ij.noise.stack_noise import tell_noise
from crispim_ij.planes import to_dtype
from crispim_ij.planes.arrays import ArraySource
from tests.napari.window.conftest import Window

PLACE = {
    "scale": (2.0, 1.8, 1.8),
    "translate": (10.0, 20.0, 30.0),
    "rotate": 25.0,
    "affine": np.array([[1, 0, 0, 5], [0, 0, 2, 0], [0, 3, 0, 0], [0, 0, 0, 1.0]]),
    "units": ("um", "um", "um"),
    "axis_labels": ("z", "y", "x"),
}
LOOKS = {"contrast_limits": (200.0, 400.0), "colormap": "magma", "gamma": 0.8}


def denoised(stack: np.ndarray, plane: int | list[int], name: str = "crispim-2d") -> np.ndarray:
    """Denoise a plane of a stack, or one of a mini-stack, without the widget."""
    run = shared_process().load(find_model(name), DenoiseSettings())
    (noise,) = tell_noise(ArraySource(stack), MEASURED).channels
    return to_dtype(run.told(noise)(stack[plane]), stack.dtype)


def messages() -> list[str]:
    """What napari has shown in its corner."""
    return [record.message for record in notification_manager.records]


def test_without_an_image_it_says_what_to_do(window: Window) -> None:
    assert "Open an image" in window.says
    assert not window.button("Preview").enabled
    assert not window.button("Denoise").enabled
    assert not window.button("Cancel").enabled


def test_a_preview_lies_where_its_plane_is(window: Window, noisy: np.ndarray) -> None:
    layer = window.viewer.add_image(noisy, name="scan", **PLACE, **LOOKS)
    window.viewer.dims.set_point(0, layer.data_to_world((4, 24, 32))[0])
    window.press_and_wait("Preview")
    assert window.names == ["scan", PREVIEW]
    shown = window.viewer.layers[PREVIEW]
    assert shown.data.shape == (1, 48, 64)
    np.testing.assert_array_equal(shown.data[0], denoised(noisy, 4))
    corner = layer.data_to_world((4, 0, 0)), layer.data_to_world((4, 47, 63))
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), corner[0])
    np.testing.assert_allclose(shown.data_to_world((0, 47, 63)), corner[1])
    assert tuple(shown.contrast_limits) == (200, 400)
    assert "Noise: sd" in window.notes
    assert "is told the noise, which fits" in window.notes


def test_a_preview_takes_the_place_of_the_last_one(window: Window, noisy: np.ndarray) -> None:
    window.viewer.add_image(noisy)
    for plane in (1, 5):
        window.viewer.dims.set_point(0, plane)
        window.press_and_wait("Preview")
        assert window.names == ["noisy", PREVIEW]
        np.testing.assert_array_equal(window.viewer.layers[PREVIEW].data[0], denoised(noisy, plane))


def test_the_result_is_shown_as_the_layer_is(window: Window, noisy: np.ndarray) -> None:
    layer = window.viewer.add_image(noisy, name="scan", **PLACE, **LOOKS)
    window.press("Denoise")
    assert not window.button("Denoise").enabled
    assert not window.button("Preview").enabled
    window.wait(lambda: not window.is_busy)
    assert window.names == ["scan", "scan denoised by crispim-2d"]
    result = window.viewer.layers[-1]
    assert result.data.dtype == noisy.dtype
    np.testing.assert_array_equal(result.data[3], denoised(noisy, 3))
    for name in ("scale", "translate", "rotate", "contrast_limits", "gamma"):
        np.testing.assert_array_equal(getattr(result, name), getattr(layer, name))
    np.testing.assert_array_equal(result.affine.affine_matrix, layer.affine.affine_matrix)
    assert result.colormap.name == "magma"
    assert result.units == layer.units
    assert result.axis_labels == ("z", "y", "x")
    assert "6 planes" in window.says
    assert window.button("Denoise").enabled


def test_progress_is_counted(window: Window, noisy: np.ndarray) -> None:
    window.viewer.add_image(noisy)
    window.press_and_wait("Denoise")
    bar = window.widget[2][0]
    assert (bar.value, bar.max) == (6, 6)
    assert not bar.visible


def test_cancelling_ends_the_work(window: Window) -> None:
    planes = da.zeros((5000, 48, 64), dtype=np.uint16, chunks=(1, 48, 64))
    window.viewer.add_image(planes, name="long", contrast_limits=(0, 100))
    window.press("Denoise")
    window.wait(lambda: "of 5000 planes, about" in window.says)
    window.press("Cancel")
    window.wait(lambda: not window.is_busy)
    assert window.says == "Cancelled."
    assert window.names == ["long"]
    window.press_and_wait("Preview")
    assert window.names == ["long", PREVIEW]


def test_dask_and_resolutions(window: Window, noisy: np.ndarray) -> None:
    levels = [da.from_array(noisy, chunks=(1, 32, 32)), noisy[:, ::2, ::2]]
    window.viewer.add_image(levels, multiscale=True, name="levels", scale=(2, 1, 1))
    window.press_and_wait("Preview")
    np.testing.assert_array_equal(window.viewer.layers[PREVIEW].data[0], denoised(noisy, 2))
    window.press_and_wait("Denoise")
    result = window.viewer.layers[-1]
    assert not result.multiscale
    np.testing.assert_array_equal(result.data[1], denoised(noisy, 1))


def test_a_single_plane(window: Window, noisy: np.ndarray) -> None:
    window.viewer.add_image(noisy[0], name="plane")
    window.press_and_wait("Preview")
    window.press_and_wait("Denoise")
    for layer in window.viewer.layers[1:]:
        np.testing.assert_array_equal(layer.data, denoised(noisy[:1], 0))


def test_a_model_of_stacks_asks_for_the_axis(window: Window, noisy: np.ndarray) -> None:
    channels = np.stack([noisy, noisy + 7], axis=1)  # as ImageJ has them: Z, C
    window.viewer.add_image(channels, name="scan", axis_labels=("z", "c", "y", "x"))
    slices = window.widget[0][3]
    assert not slices.visible
    window.widget[0][1][1].value = "crispim-3d"
    assert slices[1].value == 0
    window.viewer.dims.set_point((0, 1), (3, 1))
    window.press_and_wait("Preview")
    expected = denoised(channels[:, 1], mini_stack(3, 6, 7), "crispim-3d")
    np.testing.assert_array_equal(window.viewer.layers[PREVIEW].data[0, 0], expected)
    window.press_and_wait("Denoise")
    np.testing.assert_array_equal(window.viewer.layers[-1].data[3, 1], expected)


def test_colour_is_refused_and_labels_are_not_offered(window: Window) -> None:
    window.viewer.add_labels(np.ones((8, 8), int))
    assert "Open an image" in window.says
    window.viewer.add_image(np.zeros((32, 32, 3), np.uint8), name="photo", rgb=True)
    assert window.says.startswith("Layer 'photo' is in colour")
    assert not window.button("Denoise").enabled
    window.viewer.add_image(np.zeros((32, 32), bool), name="mask")
    window.widget[0][0][1].value = window.viewer.layers["mask"]
    assert window.says.startswith("Layer 'mask' holds bool values")


@pytest.mark.parametrize("button", ["Preview", "Denoise"])
def test_a_fault_is_one_sentence(window: Window, button: str) -> None:
    window.viewer.add_image(np.full((2, 32, 32), np.nan, np.float32), contrast_limits=(0, 1))
    window.press_and_wait(button)
    assert "NaN" in window.says
    (record,) = notification_manager.records
    assert record.message == window.says
    assert not hasattr(record, "exception")
    assert window.button(button).enabled


def test_turned_axes_are_refused(window: Window, noisy: np.ndarray) -> None:
    window.viewer.add_image(noisy)
    window.viewer.dims.roll()
    window.press("Preview")
    assert "Roll dimensions" in window.says
    assert messages() == [window.says]


def test_a_folder_of_a_model(window: Window, noisy: np.ndarray, tmp_path: Path) -> None:
    window.viewer.add_image(noisy)
    window.widget[0][1][1].value = FOLDER
    assert window.says == "Choose the folder that holds the model."
    folder = window.widget[0][2][1]
    folder.value = tmp_path
    assert "is not a model folder" in window.says
    assert not window.button("Denoise").enabled
    folder.value = find_model("crispim-2d").folder
    window.press_and_wait("Preview")
    assert PREVIEW in window.names


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is told the noise and one that guesses, made where there is no window.

    TensorFlow needs that.
    """
    folder = tmp_path_factory.mktemp("models")
    code = """
import sys
from pathlib import Path
from tests.guessing import guessing_model
from tests.told import told_model

told_model(Path(sys.argv[1]) / "told")
guessing_model(Path(sys.argv[1]) / "guesses")
"""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    return folder


@pytest.fixture
def told(models: Path) -> Path:
    return models / "told"


@pytest.fixture
def guesses(models: Path) -> Path:
    return models / "guesses"


def choose(window: Window, folder: Path) -> tuple[Any, Any]:
    """Choose a model folder; return what is shown of noise and strength."""
    window.widget[0][1][1].value = FOLDER
    window.widget[0][2][1].value = folder
    return window.widget[0][5], window.widget[0][6]


def is_hidden(row: Any) -> bool:
    """Whether a row is not to be seen; the window itself isn't shown in tests."""
    return bool(row.native.isHidden())


def test_only_a_model_that_is_told_the_noise_asks_for_it(
    window: Window, noisy: np.ndarray, told: Path, guesses: Path
) -> None:
    window.viewer.add_image(noisy, name="scan")
    noise, strength = choose(window, guesses)
    assert is_hidden(noise)
    assert is_hidden(strength)
    assert not window.button("Adapt").enabled
    choose(window, told)
    assert window.button("Adapt").enabled
    assert (noise[0].value, noise[1].value) == ("Noise", "auto")
    assert (strength[0].value, strength[1].value) == ("Strength", 1.0)
    assert not is_hidden(noise)
    assert not is_hidden(strength)
    assert (strength[1].min, strength[1].max) == (0.5, 2.0)
    noise[1].value = "35"
    choose(window, guesses)
    assert is_hidden(noise)
    assert is_hidden(strength)
    assert window.widget[0].request().noise.is_default


def test_the_noise_is_measured_or_told(window: Window, noisy: np.ndarray, told: Path) -> None:
    window.viewer.add_image(noisy, name="scan")
    noise, strength = choose(window, told)
    window.press_and_wait("Preview")
    assert "Noise: sd 30" in window.notes or "Noise: sd 29" in window.notes
    assert "told is told the noise, which fits." in window.notes
    run = shared_process().load(find_model(str(told)), DenoiseSettings())
    noise[1].value, strength[1].value = "2:100:6", 1.5
    window.press_and_wait("Preview")
    stronger = CameraNoise(2, 100, 6).scaled(1.5)
    expected = to_dtype(run.told(stronger)(noisy[2]), noisy.dtype)
    np.testing.assert_array_equal(window.viewer.layers[PREVIEW].data[0], expected)
    window.press_and_wait("Denoise")
    result = window.viewer.layers["scan denoised by told"]
    np.testing.assert_array_equal(result.data[2], expected)
    shown = window.viewer.layers[PREVIEW]
    strength[1].value = 0.8
    weaker = to_dtype(run.told(CameraNoise(2, 100, 6).scaled(0.8))(noisy[2]), noisy.dtype)
    window.wait(lambda: np.array_equal(shown.data[0], weaker))
    assert not window.is_busy


def test_a_model_is_adapted_and_then_chosen(
    window: Window, noisy: np.ndarray, told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    window.viewer.add_image(noisy, name="a/b")
    choose(window, told)
    assert window.widget[0].minutes == 10
    monkeypatch.setattr(Choices, "minutes", 1e-6)  # for two steps
    window.press_and_wait("Adapt")
    assert "steps made nothing better" in window.says or "Estimated error: noisy" in window.says
    assert window.widget[0].request().model.folder == tmp_path / "a_b adapted"
    window.press_and_wait("Preview")
    assert PREVIEW in window.names


def test_why_to_mistrust_the_noise_is_shown_without_a_preview(window: Window, told: Path) -> None:
    shared = uniform_filter(np.random.default_rng(0).normal(0, 60, (3, 48, 64)), (0, 2, 2))
    window.viewer.add_image((300 + shared).astype(np.float32))
    choose(window, told)
    window.press_and_wait("Denoise")
    assert "Neighbouring pixels share noise." in window.notes


@pytest.mark.parametrize("button", ["Preview", "Denoise"])
def test_noise_that_can_not_be_read_is_one_sentence(
    window: Window, noisy: np.ndarray, told: Path, button: str
) -> None:
    window.viewer.add_image(noisy)
    noise, _ = choose(window, told)
    noise[1].value = "much"
    window.press(button)
    assert not window.is_busy
    assert window.says.startswith("The noise 'much' (--noise) can't be read: give auto ")
    (record,) = notification_manager.records
    assert record.message == window.says
    assert not hasattr(record, "exception")
    noise[1].value = "auto"
    window.press_and_wait("Preview")
    assert PREVIEW in window.names


def test_what_is_no_fault_of_the_user_is_raised(
    window: Window, noisy: np.ndarray, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("crispim_ij.napari.work.look", broken)
    window.viewer.add_image(noisy)
    with qtbot.capture_exceptions() as raised:
        window.press_and_wait("Preview")
    assert [str(error) for _, error, _ in raised] == ["broken"]
    assert window.button("Preview").enabled


def test_the_viewer_may_be_closed_meanwhile(window: Window, qtbot: Any) -> None:
    planes = da.zeros((5000, 48, 64), dtype=np.uint16, chunks=(1, 48, 64))
    window.viewer.add_image(planes, contrast_limits=(0, 100))
    window.press("Denoise")
    window.wait(lambda: "of 5000 planes" in window.says)
    stop = window.widget._stop
    with qtbot.capture_exceptions() as raised:
        window.viewer.close()
        qtbot.waitUntil(stop.is_set, timeout=10_000)
        qtbot.wait(500)
    assert raised == []


def test_a_result_takes_its_place_from_the_layer_as_it_is_then(
    window: Window, noisy: np.ndarray
) -> None:
    layer: Image = window.viewer.add_image(noisy)
    window.press("Denoise")
    layer.scale = (3, 1, 1)
    window.wait(lambda: not window.is_busy)
    assert tuple(window.viewer.layers[-1].scale) == (3, 1, 1)
