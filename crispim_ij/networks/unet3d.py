"""The paper's 3D U-Net (Cho, 2023, figure 2)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

MINI_STACK = 16
"""Planes that go in; the one at index 8 comes out."""


def paper_3d() -> keras.Model:
    """Build the network: (16, Y, X, 1) raw counts in, (Y, X, 1) out, 5,836,033 weights."""
    counts = keras.Input((MINI_STACK, None, None, 1), dtype="float32")
    skips = []
    volume: Any = counts
    for filters in (32, 64, 128):
        volume = _convolve_twice(volume, filters)
        skips.append(volume)
        volume = layers.MaxPooling3D(2)(volume)
    volume = _convolve_twice(volume, 256)
    for filters in (128, 64, 32):
        volume = layers.Concatenate()([skips.pop(), layers.UpSampling3D(2)(volume)])
        volume = _convolve_twice(volume, filters)
    flat = layers.MaxPooling3D((MINI_STACK, 1, 1))(volume)
    plane = layers.Conv3D(1, 1, dtype="float32")(flat)
    return keras.Model(counts, keras.ops.squeeze(plane, axis=1), name="paper_3d")


def _convolve_twice(volume: Any, filters: int) -> Any:
    for _ in range(2):
        volume = layers.Conv3D(filters, 3, padding="same", activation="relu")(volume)
    return volume
