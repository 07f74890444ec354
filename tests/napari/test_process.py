"""The process that TensorFlow lives in."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from crispim_ij import denoise
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.napari.process import DenoiserProcess, shared_process
from crispim_ij.noise import CameraNoise
from tests.guessing import guessing_model
from tests.told import told_model

SETTINGS = DenoiseSettings()


@pytest.fixture
def process() -> DenoiserProcess:
    return shared_process()


def plane() -> np.ndarray:
    return np.random.default_rng(0).normal(300, 30, (48, 64)).astype(np.float32)


def test_it_gives_the_pixels_of_this_process(process: DenoiserProcess, tmp_path: Path) -> None:
    run = process.load(guessing_model(tmp_path / "guesses"), SETTINGS)
    np.testing.assert_allclose(run(plane()), denoise(plane(), run.model), atol=1e-3)


def test_the_noise_is_told(process: DenoiserProcess, tmp_path: Path) -> None:
    run = process.load(told_model(tmp_path / "told"), SETTINGS)
    noise = CameraNoise(0, 0, 30)
    expected = denoise(plane(), run.model, noise=30)
    np.testing.assert_allclose(run.told(noise)(plane()), expected, atol=1e-2)
    assert run.noise is None
    with pytest.raises(CrispimError, match="must be told the noise"):
        run(plane())


def test_a_fault_comes_back_as_it_is_and_ends_nothing(
    process: DenoiserProcess, tmp_path: Path
) -> None:
    model = guessing_model(tmp_path / "guesses")
    with pytest.raises(CrispimError, match="too small for model"):
        process.load(model, SETTINGS)(plane()[:2, :2])
    with pytest.raises(CrispimError, match=r"model\.keras is missing"):
        process.load(Model(model.folder.parent, model.spec), SETTINGS)
    with pytest.raises(RuntimeError, match="Traceback"):
        process.load(model, SETTINGS)(np.array(["no counts"]))
    assert process.load(model, SETTINGS)(plane()).shape == (48, 64)


@pytest.mark.long
def test_a_process_that_died_is_started_again(process: DenoiserProcess, tmp_path: Path) -> None:
    run = process.load(guessing_model(tmp_path / "guesses"), SETTINGS)
    assert process._process is not None
    process._process.kill()
    process._process.wait()
    assert run(plane()).shape == (48, 64)


def test_who_waits_for_a_process_that_ends_is_told() -> None:
    process = DenoiserProcess()

    def close_once_started() -> None:  # long before TensorFlow is there
        while process._process is None:
            time.sleep(0.01)
        process.close()

    end = Thread(target=close_once_started)
    end.start()
    with pytest.raises(CrispimError, match="ended with status"):
        process.load(find_model("crispim-2d"), SETTINGS)
    end.join()


def test_closing_ends_the_process() -> None:
    process = DenoiserProcess()
    process.close()
    started = process._started()
    process.close()
    assert started.poll() is not None
    assert process._process is None


def test_widgets_share_one() -> None:
    assert shared_process() is shared_process()


def test_tensorflow_is_not_imported_where_windows_are() -> None:
    code = """
import sys
from crispim_ij.napari import process, layers, sample, work
print({"tensorflow", "keras"} & {*sys.modules})
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
