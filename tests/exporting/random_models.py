from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from crispim_ij.models import Model, save_model
from crispim_ij.networks import ARCHITECTURES, build


def random_model(architecture: str, folder: Path) -> Model:
    """A model in a subfolder; its biases aren't 0, so that an export without them shows.

    Nor is the last layer of one that is told the noise, which would do nothing otherwise; it
    doesn't take off so much that all is clipped.
    """
    keras.utils.set_random_seed(5)
    network = build(architecture)
    rng = np.random.default_rng(5)
    biases = 0.05 if ARCHITECTURES[architecture].input_scaling == "noise" else 5
    network.set_weights(
        [
            rng.normal(0, 0.05, w.shape)
            if not w.any() and w.ndim > 1
            else w
            if w.ndim > 1
            else rng.normal(0, biases, w.shape)
            for w in network.get_weights()
        ]
    )
    return save_model(network, architecture, folder / architecture, {})
