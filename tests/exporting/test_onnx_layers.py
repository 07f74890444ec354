from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers

from crispim_ij.exporting.onnx_graph import onnx_model
from crispim_ij.models.spec import ModelSpec

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
