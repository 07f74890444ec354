from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import onnx_graph
from crispim_ij.exporting.onnx_graph import onnx_model
from crispim_ij.exporting.sample import keras_prediction
from crispim_ij.exporting.units import with_noise
from crispim_ij.models import Model
from crispim_ij.models.spec import ModelSpec
from crispim_ij.networks import build
from crispim_ij.noise import CameraNoise

OTHERS = ("paper_2d", "paper_3d", "planes_5")


@pytest.fixture(
    scope="module",
    params=["residual_2d", *(pytest.param(one, marks=pytest.mark.long) for one in OTHERS)],
)
def model(request: pytest.FixtureRequest) -> Model:
    """The models that take counts."""
    model: Model = request.getfixturevalue(request.param)
    return model


@pytest.fixture(scope="module")
def file(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    onnx_graph.write(model, path)
    return path


def counts(model: Model, rows: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    """Planes of so many strides, as bright as light-sheet planes are."""
    planes = (model.spec.depth,) if model.spec.axes == "ZYXC" else ()
    shape = (*planes, rows * model.spec.stride, columns * model.spec.stride)
    return np.random.default_rng(seed).gamma(4, 60, shape).round().astype(np.float32)


@given(rows=st.integers(1, 6), columns=st.integers(1, 6), seed=st.integers(0, 9))
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
def test_same_counts_as_keras(model: Model, file: Path, rows: int, columns: int, seed: int) -> None:
    given_counts = counts(model, rows, columns, seed)
    result = onnx_graph.predict(file, given_counts)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        result, keras_prediction(model, given_counts), atol=1e-3, rtol=0, strict=True
    )


def test_batch_is_free(model: Model, file: Path) -> None:
    batch = np.stack([counts(model, 3, 5, seed) for seed in range(2)])
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    (both,) = session.run(None, {"input": batch[..., None]})
    for one, result in zip(batch, both, strict=True):
        np.testing.assert_allclose(result[..., 0], onnx_graph.predict(file, one), atol=1e-3)


def test_versions_and_shapes(model: Model, file: Path) -> None:
    made = onnx.load(file)
    onnx.checker.check_model(made, full_check=True)
    assert made.ir_version == 8
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", 15)]
    assert {p.key: p.value for p in made.metadata_props} == {
        "name": model.spec.name,
        "stride": str(model.spec.stride),
        "halo": str(model.spec.halo),
    }
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    ((given_in,), (given_out,)) = session.get_inputs(), session.get_outputs()
    depth = [model.spec.depth] if model.spec.axes == "ZYXC" else []
    assert (given_in.name, given_in.shape) == ("input", ["batch", *depth, "y", "x", 1])
    assert (given_out.name, given_out.shape) == ("output", ["batch", "y", "x", 1])


def test_equal_models_give_equal_bytes(model: Model, file: Path, tmp_path: Path) -> None:
    build("residual-2d")  # moves on the numbers that Keras gives to layers
    onnx_graph.write(model, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("noise", [None, CameraNoise(2.1, 100, 9.8)])
def test_what_goes_in_is_told(
    stabilised_2d: Model, tmp_path: Path, noise: CameraNoise | None
) -> None:
    onnx_graph.write(with_noise(stabilised_2d, noise), tmp_path / "model.onnx")
    made = onnx.load(tmp_path / "model.onnx")
    facts = {p.key: p.value for p in made.metadata_props}
    assert facts["stride"] == "8"
    assert facts.get("input_scaling") == (None if noise else "noise")
    assert facts.get("noise") == ("2.1:100:9.8" if noise else None)
    said = "raw counts in, raw counts out, of the noise 2.1:100:9.8" if noise else "values whose"
    assert made.doc_string.startswith(f"Denoises light-sheet planes: {said}")


def test_missing_onnx(paper_2d: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        CrispimError, match=r"package 'onnx', .*pip install \"crispim-ij\[export\]\""
    ):
        onnx_graph.write(paper_2d, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_missing_onnxruntime(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CrispimError, match=r"package 'onnxruntime', .*crispim-ij\[export\]"):
        onnx_graph.predict(file, np.zeros((8, 8), np.float32))


SPEC = ModelSpec(
    name="layers",
    architecture="paper-2d",
    axes="YXC",
    receptive_field=1,
    stride=1,
    parameters=0,
    sha256="",
)


def network(apply: Callable[[Any], Any]) -> keras.Model:
    image = keras.Input((None, None, 3))
    return keras.Model(image, apply(image))


@pytest.mark.parametrize(
    "apply",
    [
        lambda image: layers.Conv2D(4, (3, 5), padding="same", bias_initializer="normal")(image),
        lambda image: layers.Conv2D(4, (4, 2), padding="same", activation="relu")(image),
        lambda image: layers.Conv2D(4, 3, activation="relu")(image),
        lambda image: layers.AveragePooling2D((5, 2), 1, "same")(image),
        lambda image: layers.AveragePooling2D(2)(image),
        lambda image: layers.MaxPooling2D(3, 1, "same")(image),
        lambda image: layers.MaxPooling2D((2, 3))(image),
        lambda image: layers.UpSampling2D((3, 2))(image),
        lambda image: layers.UpSampling2D((4, 3), interpolation="bilinear")(image),
        lambda image: layers.Conv2D(4, 2, strides=2)(image),
        lambda image: keras.ops.relu(-image) + image,
        lambda image: layers.Add()([image, image * 2.0]),
        lambda image: keras.ops.clip(image, -3.0, 5.0),
        lambda image: keras.ops.log1p(keras.ops.relu(image)),
        lambda image: keras.ops.expm1(image / 10.0),
        lambda image: keras.ops.sqrt(keras.ops.maximum(image, 0.5)),
        lambda image: keras.ops.minimum(image, 0.5),
        lambda image: image[..., 1:2],
        lambda image: image[..., 1:],
        lambda image: keras.ops.transpose(image, (0, 2, 1, 3)),
        lambda image: keras.Model(start := keras.Input((None, None, 3)), start * 3.0)(image),
        lambda image: layers.Concatenate()([image, image * 2.0, image]),
        lambda image: (image - 7.0) / 3.0,
    ],
)
def test_each_layer_equals_keras(apply: Callable[[Any], Any]) -> None:
    made = network(apply)
    batch = np.random.default_rng(0).normal(0, 10, (2, 12, 18, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(
        onnx_model(made, SPEC).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"input": batch})
    np.testing.assert_allclose(result, np.asarray(made(batch)), atol=1e-4, strict=True)


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda image: layers.BatchNormalization()(image), "operation BatchNormalization has no"),
        (lambda image: layers.Conv2D(1, 3, activation="elu")(image), "activation elu"),
        (lambda image: layers.Conv2D(1, 3, 2, "same")(image), "padding 'same' of strided"),
        (lambda image: layers.Conv2D(1, 3, dilation_rate=2)(image), "dilated"),
        (lambda image: layers.MaxPooling2D(2, padding="same")(image), "padding 'same'"),
        (lambda image: layers.UpSampling2D(2, interpolation="bicubic")(image), "'bicubic'"),
        (lambda image: image[:, 2:4], "taking out"),
        (lambda image: image[..., ::2], "taking out"),
        (lambda image: layers.Concatenate(1)([image, image]), "along axis 1"),
        (lambda image: keras.ops.squeeze(layers.Conv2D(1, 1)(image), 3), "squeezing axis 3"),
    ],
)
def test_what_the_networks_lack_is_refused(apply: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NotImplementedError, match=message):
        onnx_model(network(apply), SPEC)
