"""A 2D U-Net that looks at the neighbouring planes, too ('2.5D').

The body is that of `residual_2d`; its first two convolutions see five planes. Each plane
goes through the first one alone, the second one joins them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from crispim_ij.networks import unet2d

PLANES = 5
"""Planes that go in; the middle one comes out."""


def residual_25d(*, trimmed: bool = False) -> keras.Model:
    """Build the network: (5, Y, X, 1) raw counts in, (Y, X, 1) out, 370,657 weights.

    As `residual_2d` it predicts the noise of the middle plane from counts that are
    centred locally, each plane on its own mean, so that planes may differ in brightness.
    """
    counts = keras.Input((PLANES, None, None, 1), dtype="float32")
    rows = layers.AveragePooling3D((1, unet2d.CENTRE_WINDOW, 1), 1, "same", dtype="float32")(counts)
    mean = layers.AveragePooling3D((1, 1, unet2d.CENTRE_WINDOW), 1, "same", dtype="float32")(rows)
    centred = (counts - mean) / unet2d.NOISE_UNIT
    spare = unet2d.CENTRE_HALO if trimmed else 0
    features = layers.Conv3D(32, (1, 3, 3), padding="same", activation="relu")(
        _trim(centred, spare)
    )
    joined = layers.Conv3D(32, (PLANES, 3, 3), activation="relu")(
        layers.ZeroPadding3D((0, 1, 1))(features)
    )
    noise = unet2d.body_from(keras.ops.squeeze(joined, axis=1), trimmed)
    middle = layers.Cropping3D((PLANES // 2, 0, 0))(
        _trim(counts, spare + unet2d.BODY_HALO if trimmed else 0)
    )
    kept = keras.ops.squeeze(middle, axis=1)
    return keras.Model(counts, kept - noise * unet2d.NOISE_UNIT, name="residual_25d")


def inflate(weights: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Turn the weights of `residual_2d` into those of a network that gives the same.

    Parameters
    ----------
    weights : list of ndarray
        Of `residual_2d`.

    Returns
    -------
    list of ndarray
        Of `residual_25d`, the neighbouring planes weighted with 0.
    """
    first, bias, second, *rest = weights
    joining = np.zeros((PLANES, *second.shape), second.dtype)
    joining[PLANES // 2] = second
    return [first[np.newaxis], bias, joining, *rest]


def _trim(planes: Any, margin: int) -> Any:
    """Cut `margin` samples off all four sides of each plane."""
    return layers.Cropping3D((0, margin, margin))(planes) if margin else planes
