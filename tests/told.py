"""A model that is told the noise, and does something although nobody trained it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crispim_ij.models import Model, save_model
from crispim_ij.networks import build


def told_model(folder: Path, architecture: str = "stabilised-2d") -> Model:
    """Write one; its last layer, which starts at zero, is given random weights."""
    network = build(architecture)
    *before, last, bias = network.get_weights()
    draw = np.random.default_rng(0).normal(0, 0.1, last.shape)
    network.set_weights([*before, draw.astype(np.float32), bias])
    return save_model(network, architecture, folder, {})
