from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.denoising import load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import find_method
from crispim_ij.models import save_model
from crispim_ij.networks import build


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
