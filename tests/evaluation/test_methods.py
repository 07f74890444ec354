from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings, load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    CLASSICS,
    EvaluationSettings,
    Given,
    NoiseSettings,
    default_methods,
    evaluate,
    find_method,
    tune,
)
from crispim_ij.evaluation.inputs import choose_planes
from crispim_ij.models.keras2 import import_model
from crispim_ij.planes import open_source
from tests.made import copy_model, fresh_model
from tests.models.keras2_files import write_paper_2d


def test_what_saturates_is_measured_only_if_asked_for() -> None:
    assert default_methods(has_noisy=False, has_results=False) == ["noisy", "tv", "crispim-2d"]


@pytest.mark.parametrize("name", ["noisy", "tv", "cv2"])
def test_baselines_are_found(name: str) -> None:
    assert find_method(name).name == name


def test_a_models_folder_is_a_method(tmp_path: Path, noisy: NDArray[np.float64]) -> None:
    folder = tmp_path / "my-net"
    copy_model(fresh_model("paper-2d"), folder)
    method = find_method(str(folder))
    assert method.name == "my-net"
    expected = load_denoiser(str(folder))(noisy)
    np.testing.assert_allclose(method.denoise(noisy), expected, atol=1e-3)


def test_a_model_of_the_library_is_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    copy_model(fresh_model("paper-2d"), tmp_path / "mine")
    assert find_method("mine").name == "mine"


def test_unknown_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    with pytest.raises(CrispimError, match=r"no method 'median'.*: there are noisy, tv, cv2"):
        find_method("median")
    with pytest.raises(CrispimError, match=r"no method 'nosy'.*: did you mean 'noisy'\?"):
        find_method("nosy")


# Keras 2 calls what newer NumPy and TensorFlow have deprecated.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", pytest.param(".h5", marks=pytest.mark.long)])
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


@pytest.mark.parametrize("name", CLASSICS)
def test_a_tuned_classic_beats_the_noisy_plane(clean: Path, name: str) -> None:
    settings = EvaluationSettings(planes=2, noise=NoiseSettings((35, 35)))
    with open_source(clean) as source:
        method = tune(name, source, settings)
        planes = list(evaluate(source, [method], settings))
    assert method.name == name
    for plane in planes:
        noise = 20 * np.log10(65535 / 35)
        assert plane.rows[0].psnr > noise + 1


def test_the_strength_follows_the_noise(clean: Path) -> None:
    with open_source(clean) as source:
        weak, strong = (
            tune("gaussian-tuned", source, EvaluationSettings(2, NoiseSettings((sd, sd))))
            for sd in (2, 200)
        )
    noise = np.random.default_rng(0).normal(0, 10, (64, 64))
    assert strong.denoise(noise).std() < weak.denoise(noise).std()


def test_the_strength_follows_the_noise_of_given_planes(
    clean: Path, tmp_path: Path, volume: NDArray[np.uint16]
) -> None:
    """Noise that is drawn would say nothing about theirs."""
    path = tmp_path / "noisy.tif"
    rng = np.random.default_rng(0)
    loud = np.clip(volume + rng.normal(0, 300, volume.shape), 0, 65535).astype(np.uint16)
    tifffile.imwrite(path, loud, imagej=True)
    settings = EvaluationSettings(2, NoiseSettings((2, 2)))
    with open_source(clean) as source, open_source(path) as given:
        drawn = tune("gaussian-tuned", source, settings)
        strong = tune("gaussian-tuned", source, settings, Given(given))
    noise = np.random.default_rng(0).normal(0, 10, (64, 64))
    assert strong.denoise(noise).std() < 0.5 * drawn.denoise(noise).std()


def test_given_planes_of_another_size_are_refused(clean: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, np.zeros((4, 60, 81), np.uint16), imagej=True)
    settings = EvaluationSettings(planes=2)
    with (
        open_source(clean) as source,
        open_source(path) as other,
        pytest.raises(CrispimError, match=r"other\.tif.*81 x 60"),
    ):
        tune("gaussian-tuned", source, settings, Given(other))


def test_the_plane_for_tuning_is_not_measured(clean: Path, volume: NDArray[np.uint16]) -> None:
    settings = EvaluationSettings(planes=len(volume) - 1)
    (left,) = set(range(len(volume))) - set(choose_planes(len(volume), settings))
    read: list[int] = []
    with open_source(clean) as source:

        class Watched:
            path, shape = source.path, source.shape

            def __len__(self) -> int:
                return len(source)

            def read(self, index: int) -> NDArray[np.uint16]:
                read.append(index)
                return source.read(index)

        tune("gaussian-tuned", Watched(), settings)  # type: ignore[arg-type]
    assert read == [left]


def test_no_plane_is_left(clean: Path) -> None:
    with open_source(clean) as source, pytest.raises(CrispimError, match="none is left"):
        tune("tv-tuned", source, EvaluationSettings(planes=1000))


@pytest.mark.parametrize("name", CLASSICS)
def test_units_are_counts(name: str) -> None:
    """A plane without structure keeps its level, wherever that is."""
    classic = CLASSICS[name]
    plane = np.random.default_rng(0).normal(3000, 30, (64, 64))
    for strength in classic.strengths:
        assert classic.denoise(plane, strength).mean() == pytest.approx(3000, abs=2)
