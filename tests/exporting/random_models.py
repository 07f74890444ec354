from __future__ import annotations

from functools import cache
from pathlib import Path

import keras
import numpy as np

from crispim_ij.models import Model
from crispim_ij.networks import ARCHITECTURES, build
from tests.made import copy_model, keep_model


def random_model(architecture: str, folder: Path) -> Model:
    """A model in a subfolder; its biases aren't 0, so that an export without them shows.

    Nor is the last layer of one that is told the noise, which would do nothing otherwise; it
    doesn't take off so much that all is clipped.
    """
    return copy_model(_made(architecture), folder / architecture)


@cache
def _made(architecture: str) -> Model:
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
    return keep_model(network, architecture, {})
