from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from crispim_ij.models import Model, save_model
from crispim_ij.networks import build


def random_model(architecture: str, folder: Path) -> Model:
    """A model in a subfolder; its biases aren't 0, so that an export without them shows."""
    keras.utils.set_random_seed(5)
    network = build(architecture)
    rng = np.random.default_rng(5)
    network.set_weights(
        [w if w.ndim > 1 else rng.normal(0, 5, w.shape) for w in network.get_weights()]
    )
    return save_model(network, architecture, folder / architecture, {})
