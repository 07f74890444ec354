from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings, load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import find_method
from crispim_ij.models import save_model
from crispim_ij.models.keras2 import import_model
from crispim_ij.networks import build
from tests.models.keras2_files import write_paper_2d


@pytest.mark.parametrize("name", ["noisy", "tv", "cv2"])
def test_baselines_are_found(name: str) -> None:
    assert find_method(name).name == name


def test_a_models_folder_is_a_method(tmp_path: Path, noisy: NDArray[np.float64]) -> None:
    folder = tmp_path / "my-net"
    save_model(build("paper-2d"), "paper-2d", folder, {})
    method = find_method(str(folder))
    assert method.name == "my-net"
    expected = load_denoiser(str(folder))(noisy)
    np.testing.assert_allclose(method.denoise(noisy), expected, atol=1e-3)


def test_a_model_of_the_library_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    save_model(build("paper-2d"), "paper-2d", tmp_path / "mine", {})
    assert find_method("mine").name == "mine"


def test_unknown_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    with pytest.raises(CrispimError, match=r"no method 'median': take one of noisy, tv, cv2"):
        find_method("median")


# Keras 2 calls what newer NumPy and TensorFlow have deprecated.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_of_keras_2_is_a_method(
    tmp_path: Path, noisy: NDArray[np.float64], ending: str
) -> None:
    file = tmp_path / f"theirs{ending}"
    write_paper_2d(file)
    method = find_method(str(file))
    assert (method.name, method.depth) == ("theirs", 1)
    imported = import_model(file, tmp_path / "imported")
    expected = Denoiser(imported, DenoiseSettings())(noisy)
    np.testing.assert_allclose(method.denoise(noisy), expected, atol=1e-3)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(CrispimError, match="can't be read as a Keras model"):
        find_method(str(tmp_path / "text.keras"))
