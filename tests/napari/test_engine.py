"""The process that TensorFlow lives in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from crispim_ij import denoise
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.napari.engine import Engine, shared_engine
from crispim_ij.noise import CameraNoise
from tests.told import told_model

SETTINGS = DenoiseSettings()


@pytest.fixture
def engine() -> Engine:
    return shared_engine()


def plane() -> np.ndarray:
    return np.random.default_rng(0).normal(300, 30, (48, 64)).astype(np.float32)


def test_it_gives_the_pixels_of_this_process(engine: Engine) -> None:
    run = engine.load(find_model("crispim-2d"), SETTINGS)
    np.testing.assert_allclose(run(plane()), denoise(plane()), atol=1e-3)


def test_the_noise_is_told(engine: Engine, tmp_path: Path) -> None:
    run = engine.load(told_model(tmp_path / "told"), SETTINGS)
    noise = CameraNoise(0, 0, 30)
    expected = denoise(plane(), run.model, noise=30)
    np.testing.assert_allclose(run.told(noise)(plane()), expected, atol=1e-2)
    assert run.noise is None
    with pytest.raises(CrispimError, match="must be told the noise"):
        run(plane())


def test_a_fault_comes_back_as_it_is_and_ends_nothing(engine: Engine) -> None:
    model = find_model("crispim-2d")
    with pytest.raises(CrispimError, match="too small for model"):
        engine.load(model, SETTINGS)(plane()[:2, :2])
    with pytest.raises(CrispimError, match=r"model\.keras is missing"):
        engine.load(Model(model.folder.parent, model.spec), SETTINGS)
    with pytest.raises(RuntimeError, match="Traceback"):
        engine.load(model, SETTINGS)(np.array(["no counts"]))
    assert engine.load(model, SETTINGS)(plane()).shape == (48, 64)


def test_a_process_that_died_is_started_again(engine: Engine) -> None:
    run = engine.load(find_model("crispim-2d"), SETTINGS)
    assert engine._process is not None
    engine._process.kill()
    engine._process.wait()
    assert run(plane()).shape == (48, 64)


def test_who_waits_for_a_process_that_ends_is_told() -> None:
    engine = Engine()
    end = Timer(0.5, engine.close)  # long before TensorFlow is there
    end.start()
    with pytest.raises(CrispimError, match="ended with status"):
        engine.load(find_model("crispim-2d"), SETTINGS)
    end.join()


def test_closing_ends_the_process() -> None:
    engine = Engine()
    engine.close()
    process = engine._started()
    engine.close()
    assert process.poll() is not None
    assert engine._process is None


def test_widgets_share_one() -> None:
    assert shared_engine() is shared_engine()


def test_tensorflow_is_not_imported_where_windows_are() -> None:
    code = """
import sys
from crispim_ij.napari import engine, layers, sample, work
print({"tensorflow", "keras"} & {*sys.modules})
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
