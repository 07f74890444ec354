"""The paper's networks as Keras 2 itself writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_paper_2d(path: Path, *, third: int = 64, swap: bool = False) -> list[np.ndarray]:
    """Write the 2D network with random weights; `third` and `swap` make it another one."""
    from tf_keras import Input, Model, layers

    def convolve(x: Any, filters: int) -> Any:
        return layers.Conv2D(filters, 3, padding="same", activation="relu")(x)

    def join(skip: Any, up: Any) -> Any:
        return layers.concatenate([up, skip] if swap else [skip, up])

    counts = Input((256, 256, 1))
    fine = convolve(convolve(counts, 32), 32)
    half = convolve(convolve(layers.MaxPooling2D(2)(fine), third), 64)
    coarse = convolve(convolve(layers.MaxPooling2D(2)(half), 128), 64)
    up = join(half, layers.UpSampling2D(2)(coarse))
    up = join(fine, layers.UpSampling2D(2)(convolve(convolve(up, 64), 32)))
    plane = layers.Conv2D(1, 1)(convolve(convolve(up, 32), 32))
    return _save(Model(counts, plane), path)


def write_paper_3d(path: Path) -> list[np.ndarray]:
    """Write the 3D network with random weights."""
    from tf_keras import Input, Model, layers

    def convolve(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv3D(filters, 3, padding="same", activation="relu")(x)
        return x

    counts = x = Input((16, 256, 256, 1))
    skips = []
    for filters in (32, 64, 128):
        skips.append(convolve(x, filters))
        x = layers.MaxPooling3D(2)(skips[-1])
    x = convolve(x, 256)
    for filters in (128, 64, 32):
        x = convolve(layers.concatenate([skips.pop(), layers.UpSampling3D(2)(x)]), filters)
    x = layers.Conv3D(1, 1)(layers.MaxPooling3D((16, 1, 1))(x))
    return _save(Model(counts, layers.Reshape((256, 256, 1))(x)), path)


def _save(network: Any, path: Path) -> list[np.ndarray]:
    network.compile("adam", "mse")
    network.save(path)
    weights: list[np.ndarray] = network.get_weights()
    return weights
