"""A model that is told the noise, and does something although nobody trained it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from crispim_ij.models import Model
from crispim_ij.networks import build
from tests.made import copy_model, keep_model


def told_model(folder: Path, architecture: str = "stabilised-2d", *, idle: bool = False) -> Model:
    """Write one with random weights; fresh ones are zero in the last layer and in all biases.

    Left as they are, they make an `idle` one, which changes nothing.
    """
    return copy_model(_made(architecture, idle), folder)


@cache
def _made(architecture: str, idle: bool) -> Model:
    from keras.utils import set_random_seed

    set_random_seed(0)
    network, rng = build(architecture), np.random.default_rng(0)
    if not idle:
        weights = [
            fresh if fresh.any() else rng.normal(0, 0.1, fresh.shape).astype(np.float32)
            for fresh in network.get_weights()
        ]
        network.set_weights(weights)
    return keep_model(network, architecture, {})
