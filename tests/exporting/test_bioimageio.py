from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from ruyaml import YAML

from crispim_ij.denoising import Denoiser, DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.exporting import bioimageio, csbdeep
from crispim_ij.exporting.bioimageio import Sample, cover_png, noisy_specimen
from crispim_ij.exporting.bioimageio_description import (
    NOISE_SD,
    describe,
    documentation,
    licence,
)
from crispim_ij.exporting.sample import keras_prediction, sample_counts
from crispim_ij.exporting.units import with_noise
from crispim_ij.models import Model, find_model
from crispim_ij.noise import CameraNoise

SHIPPED = "crispim-2d"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "model.zip"
    bioimageio.write(find_model(SHIPPED), path)
    return path


@pytest.fixture(scope="module")
def unpacked(shipped: Path) -> Path:
    return unpack(shipped)


def unpack(package: Path) -> Path:
    folder = package.with_suffix("")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def run_core_test(package: Path, folder: Path) -> list[dict[str, Any]]:
    """Run bioimage.io's own test command; it leaves files where it runs."""
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "bioimageio.core", "test", str(package)]
    done = subprocess.run(
        [*command, "--summary", str(summary)], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    result = json.loads(summary.read_text(encoding="utf-8"))
    assert result["status"] == "passed"
    details: list[dict[str, Any]] = result["details"]
    return details


def described(folder: Path) -> Any:
    """The description as bioimageio.spec understands it; its own loader leaves files open.

    The library takes seconds to import, which only the worker with these tests spends.
    """
    from bioimageio.spec import InvalidDescr, ValidationContext, build_description

    content = YAML(typ="safe").load(folder / "bioimageio.yaml")
    context = ValidationContext(root=folder, perform_io_checks=False)
    description = build_description(content, context=context)
    assert not isinstance(description, InvalidDescr), description.get_reason()
    return description


def check_details(details: list[dict[str, Any]]) -> None:
    """Both weight formats give the test output, and six sizes of input each."""
    for weights in ("onnx", "tensorflow_saved_model_bundle"):
        names = [d["name"] for d in details if d["loc"] == ["weights", weights]]
        assert len([n for n in names if n.startswith("Reproduce test outputs")]) == 1
        assert len([n for n in names if n.startswith(f"Run {weights} inference")]) == 6
    missing = {
        tuple(warning["loc"])
        for detail in details
        for warning in detail["warnings"]
        if "FAIR" in warning["msg"]
    }
    assert missing <= {("authors",), ("license",)}
    assert ("authors",) in missing


@pytest.mark.long
def test_the_core_test_command_passes(shipped: Path, tmp_path: Path) -> None:
    check_details(run_core_test(shipped, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper_2d", "paper_3d"])
def test_the_core_test_command_passes_for(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    bioimageio.write(request.getfixturevalue(name), tmp_path / "model.zip")
    check_details(run_core_test(tmp_path / "model.zip", tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [None, CameraNoise(0, 0, 35)], ids=["values", "counts"])
def test_the_core_test_command_passes_where_the_noise_is_told(
    stabilised_2d: Model, tmp_path: Path, noise: CameraNoise | None
) -> None:
    bioimageio.write(with_noise(stabilised_2d, noise), tmp_path / "model.zip")
    check_details(run_core_test(tmp_path / "model.zip", tmp_path))


@pytest.mark.long
def test_packages_take_counts_where_the_weights_take_values(
    stabilised_2d: Model, tmp_path: Path
) -> None:
    bioimageio.write(stabilised_2d, tmp_path / "model.zip")
    folder = unpack(tmp_path / "model.zip")
    description = described(folder)
    (before,) = (op for op in description.inputs[0].preprocessing if op.id == "scale_linear")
    (after,) = (op for op in description.outputs[0].postprocessing if op.id == "scale_linear")
    assert (before.kwargs.gain, before.kwargs.offset) == (1 / 35, 0)
    assert (after.kwargs.gain, after.kwargs.offset) == (35, 0)
    assert "Raw counts in, raw counts out, of noise with a standard deviation of 35" in (
        description.description
    )
    noisy, denoised = (np.load(folder / f"test_{name}.npy") for name in ("input", "output"))
    expected = 35 * keras_prediction(stabilised_2d, noisy[0, ..., 0] / np.float32(35))
    np.testing.assert_allclose(denoised[0, ..., 0], expected, atol=1e-3)
    assert "\n## Noise\n" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("paper_2d", [("batch", None), ("y", 52), ("x", 52), ("channel", 1)]),
        pytest.param(
            "paper_3d",
            [("batch", None), ("z", 16), ("y", 120), ("x", 120), ("channel", 1)],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_same_counts_as_keras(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, axes: list[tuple[str, Any]]
) -> None:
    model: Model = request.getfixturevalue(name)
    bioimageio.write(model, tmp_path / "model.zip")
    counts = sample_counts(model.spec)
    result = bioimageio.predict(tmp_path / "model.zip", counts)
    np.testing.assert_allclose(result, keras_prediction(model, counts), atol=1e-3, strict=True)
    (given,) = described(unpack(tmp_path / "model.zip")).inputs
    assert [(a.id, getattr(a.size, "min", a.size)) for a in given.axes] == axes
    assert {a.size.step for a in given.axes if a.id in ("y", "x")} == {model.spec.stride}


def test_what_is_in_it(shipped: Path, unpacked: Path) -> None:
    model = find_model(SHIPPED)
    description = described(unpacked)
    assert description.authors == []
    assert description.config.bioimageio.model_parameter_count == 896_769
    assert "CRISPIM" in description.cite[0].text
    assert description.license == licence(model)
    noisy, denoised = (np.load(unpacked / f"test_{name}.npy") for name in ("input", "output"))
    assert noisy.shape == denoised.shape == (1, 256, 256, 1)
    unit = np.float32(NOISE_SD)
    expected = unit * keras_prediction(model, noisy[0, ..., 0] / unit)
    np.testing.assert_array_equal(denoised[0, ..., 0], expected)
    image = tifffile.imread(unpacked / "sample_input.tif")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, noisy[0, ..., 0])
    assert (unpacked / "cover.png").stat().st_size < 500_000
    assert (unpacked / "README.md").read_text(encoding="utf-8") == documentation(model)
    with zipfile.ZipFile(shipped) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_blocks_of_bioimageio_equal_tiles(unpacked: Path) -> None:
    """Halo, stride and padding in the description are what makes tiles exact."""
    from bioimageio.core import create_prediction_pipeline, predict

    plane = np.random.default_rng(1).gamma(4, 60, (256, 304)).astype(np.uint16)
    denoise = Denoiser(find_model(SHIPPED), DenoiseSettings())
    expected = denoise.told(CameraNoise(0, 0, NOISE_SD))(plane)
    pipeline = create_prediction_pipeline(described(unpacked), weights_format="onnx")
    given = plane[np.newaxis, ..., np.newaxis]
    result = predict(model=pipeline, inputs=given, blocksize_parameter=5)
    blocks = np.asarray(result.members["output"].data)[0, ..., 0]
    np.testing.assert_allclose(blocks, expected, atol=1e-3, rtol=0)
    del pipeline
    gc.collect()  # closes here the files that bioimageio.core leaves open


@pytest.mark.long
def test_equal_models_give_equal_bytes_without_network(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args))
    monkeypatch.setattr(socket.socket, "connect", lambda *args: asked.append(args))
    bioimageio.write(find_model(SHIPPED), tmp_path / "again.zip")
    assert not asked
    assert (tmp_path / "again.zip").read_bytes() == shipped.read_bytes()


@pytest.mark.long
def test_weights_that_disagree_are_refused(unpacked: Path, paper_2d: Model, tmp_path: Path) -> None:
    mixed, other = tmp_path / "mixed.zip", tmp_path / "other.zip"
    csbdeep.write(paper_2d, other)
    with zipfile.ZipFile(mixed, "w") as archive:
        archive.write(unpacked / "weights.onnx", "weights.onnx")
        archive.write(other, "tensorflow_saved_model_bundle.zip")
    with pytest.raises(CrispimError, match=r"two weight files in .*mixed\.zip .* differ by"):
        bioimageio.predict(mixed, sample_counts(find_model(SHIPPED).spec))


def test_a_refused_description_is_one_sentence(unpacked: Path, tmp_path: Path) -> None:
    description = {**describe(find_model(SHIPPED).spec, None), "name": "x"}
    for file in unpacked.iterdir():
        (tmp_path / file.name).touch()
    (tmp_path / "bioimageio.yaml").unlink()
    with pytest.raises(CrispimError, match=r"refuses .* \(.*at least 5.*\): run `pip install"):
        bioimageio.write_description(description, tmp_path)
    assert not (tmp_path / "bioimageio.yaml").exists()


@pytest.mark.parametrize("package", ["bioimageio.spec", "onnx"])
def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CrispimError, match=rf"'{package}', .*pip install \"crispim-ij\[export\]\""):
        bioimageio.write(find_model(SHIPPED), tmp_path / "model.zip")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(find_model(SHIPPED))


def test_the_specimen_is_whole_counts_of_a_camera(sample: Sample) -> None:
    assert sample.noisy.dtype == np.float32
    np.testing.assert_array_equal(sample.noisy, np.rint(sample.noisy))
    assert 0 <= sample.noisy.min() < 150 < np.median(sample.noisy) < 500 < sample.noisy.max()
    np.testing.assert_array_equal(sample.noisy, noisy_specimen(find_model(SHIPPED).spec))


def test_a_mini_stack_for_3d_models() -> None:
    assert noisy_specimen(find_model("crispim-3d").spec).shape == (7, 128, 128)


def test_the_shipped_model_takes_most_of_the_noise_off(sample: Sample) -> None:
    assert 0.8 * NOISE_SD < np.std(sample.noisy - sample.denoised) < NOISE_SD


def test_the_cover_shows_noisy_beside_denoised(sample: Sample) -> None:
    cover = imagecodecs.png_decode(cover_png(sample))
    assert (cover.shape, cover.dtype) == ((256, 512), np.uint8)
    left, right = (np.abs(np.diff(half.astype(float))).mean() for half in np.hsplit(cover, 2))
    assert right < left / 3
    flat = Sample(sample.noisy, np.full_like(sample.denoised, 200))
    assert imagecodecs.png_decode(cover_png(flat)).shape == (256, 512)
