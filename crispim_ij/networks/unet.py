"""The CRISPIM paper's U-Nets (Cho, 2023, figures 1 and 2), and those that predict the noise.

All have 3x3 (or 3x3x3) convolutions with ReLU, max-pooling and nearest-neighbour up-sampling. With
padding 'valid' the 2D ones leave margins out as soon as nothing below needs them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from crispim_ij.networks.architectures import Padding

CENTRE_WINDOW = 17
"""Side, in pixels, of the window whose mean the residual networks subtract."""

CENTRE_HALO = 8
"""Pixels that the window reaches over, on the pooling grid."""

NOISE_UNIT = 32.0
"""Counts that the residual networks take as one: about the noise they are made for."""

BODY_HALO = 24
"""Pixels that the 2D body leaves out on each side where its padding is 'valid'."""

PLANES = 5
"""Planes that go into `residual_25d`; the middle one comes out."""

MINI_STACK = 16
"""Planes that go into `paper_3d`; the one at index 8 comes out."""


def paper_2d(*, padding: Padding = "same") -> keras.Model:
    """Build the paper's 2D network: raw counts in, raw counts out."""
    counts = keras.Input((None, None, 1), dtype="float32")
    return keras.Model(counts, _body(counts, padding), name="paper_2d")


def paper_3d() -> keras.Model:
    """Build the paper's 3D network: (16, Y, X, 1) raw counts in, (Y, X, 1) out."""
    counts = keras.Input((MINI_STACK, None, None, 1), dtype="float32")
    skips = []
    volume: Any = counts
    for filters in (32, 64, 128):
        volume = _convolve_twice_3d(volume, filters)
        skips.append(volume)
        volume = layers.MaxPooling3D(2)(volume)
    volume = _convolve_twice_3d(volume, 256)
    for filters in (128, 64, 32):
        volume = layers.Concatenate()([skips.pop(), layers.UpSampling3D(2)(volume)])
        volume = _convolve_twice_3d(volume, filters)
    flat = layers.MaxPooling3D((MINI_STACK, 1, 1))(volume)
    plane = layers.Conv3D(1, 1, dtype="float32")(flat)
    return keras.Model(counts, keras.ops.squeeze(plane, axis=1), name="paper_3d")


def residual_2d(*, padding: Padding = "same") -> keras.Model:
    r"""Build the paper's 2D body as a predictor of the noise.

    .. math:: y = x - u\,f((x - \bar x) / u)

    with :math:`\bar x` the mean over 17 x 17 pixels and u = 32 counts. The network f
    sees no absolute brightness: adding a constant to a plane adds it to the result.
    """
    counts = keras.Input((None, None, 1), dtype="float32")
    rows = layers.AveragePooling2D((CENTRE_WINDOW, 1), 1, "same", dtype="float32")(counts)
    mean = layers.AveragePooling2D((1, CENTRE_WINDOW), 1, "same", dtype="float32")(rows)
    centred = (counts - mean) / NOISE_UNIT
    spare = CENTRE_HALO if padding == "valid" else 0
    noise = _body(_crop(centred, spare), padding)
    wanted = _crop(counts, BODY_HALO + spare if padding == "valid" else 0)
    return keras.Model(counts, wanted - noise * NOISE_UNIT, name="residual_2d")


def residual_25d(*, padding: Padding = "same") -> keras.Model:
    """Build `residual_2d` with neighbouring planes: (5, Y, X, 1) raw counts in, (Y, X, 1) out.

    The first two convolutions see five planes: each goes through the first one alone, the
    second one joins them. Each plane is centred on its own mean, so that planes may differ in
    brightness.
    """
    counts = keras.Input((PLANES, None, None, 1), dtype="float32")
    rows = layers.AveragePooling3D((1, CENTRE_WINDOW, 1), 1, "same", dtype="float32")(counts)
    mean = layers.AveragePooling3D((1, 1, CENTRE_WINDOW), 1, "same", dtype="float32")(rows)
    centred = (counts - mean) / NOISE_UNIT
    spare = CENTRE_HALO if padding == "valid" else 0
    features = layers.Conv3D(32, (1, 3, 3), padding="same", activation="relu")(
        _crop_planes(centred, spare)
    )
    joined = layers.Conv3D(32, (PLANES, 3, 3), activation="relu")(
        layers.ZeroPadding3D((0, 1, 1))(features)
    )
    noise = _body_from(keras.ops.squeeze(joined, axis=1), padding)
    middle = layers.Cropping3D((PLANES // 2, 0, 0))(
        _crop_planes(counts, spare + BODY_HALO if padding == "valid" else 0)
    )
    wanted = keras.ops.squeeze(middle, axis=1)
    return keras.Model(counts, wanted - noise * NOISE_UNIT, name="residual_25d")


def inflate(weights: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Turn the weights of `residual_2d` into those of a `residual_25d` that gives the same."""
    first, bias, second, *rest = weights
    joining = np.zeros((PLANES, *second.shape), second.dtype)
    joining[PLANES // 2] = second
    return [first[np.newaxis], bias, joining, *rest]


def _body(pixels: Any, padding: Padding) -> Any:
    """Apply the 2D U-Net to a plane."""
    return _body_from(_convolve(_convolve(pixels, 32), 32), padding)


def _body_from(fine: Any, padding: Padding) -> Any:
    """Apply what follows the first two convolutions of the 2D U-Net.

    The margins that 'valid' leaves after each step, in samples of its own level, are those
    that the two 3x3 convolutions of every later level reach over.
    """

    def cropped(features: Any, margin: int) -> Any:
        return _crop(features, margin if padding == "valid" else 0)

    half = _convolve(_convolve(layers.MaxPooling2D(2)(fine), 64), 64)
    half_pooled = layers.MaxPooling2D(2)(cropped(half, 4))
    coarse = _convolve(_convolve(half_pooled, 128), 64)

    up = layers.UpSampling2D(2)(cropped(coarse, 2))
    up = layers.Concatenate()([cropped(half, 8), up])
    up = _convolve(_convolve(up, 64), 32)

    up = layers.UpSampling2D(2)(cropped(up, 3))
    up = layers.Concatenate()([cropped(fine, 22), up])
    up = _convolve(_convolve(up, 32), 32)
    return layers.Conv2D(1, 1, dtype="float32")(cropped(up, 2))


def _convolve(pixels: Any, filters: int) -> Any:
    return layers.Conv2D(filters, 3, padding="same", activation="relu")(pixels)


def _convolve_twice_3d(volume: Any, filters: int) -> Any:
    for _ in range(2):
        volume = layers.Conv3D(filters, 3, padding="same", activation="relu")(volume)
    return volume


def _crop(pixels: Any, margin: int) -> Any:
    """Cut `margin` samples off all four sides."""
    return layers.Cropping2D(margin)(pixels) if margin else pixels


def _crop_planes(planes: Any, margin: int) -> Any:
    """Cut `margin` samples off all four sides of each plane."""
    return layers.Cropping3D((0, margin, margin))(planes) if margin else planes
