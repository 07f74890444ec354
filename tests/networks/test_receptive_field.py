from __future__ import annotations

from itertools import product

import keras
import numpy as np
import pytest
from keras import layers

from crispim_ij.networks import build, receptive_field

SIDE = 160


def measured_radius(network: keras.Model, stride: int) -> int:
    """Farthest pixel, in X, that a bump at any place of the pooling grid changes.

    All weights are made positive, so that nothing cancels; a ReLU can hide only one of the signs.
    """
    network.set_weights([np.abs(weights) + 1e-3 for weights in network.get_weights()])
    planes = network.input_shape[1:-3]
    flat = np.ones((1, *planes, 16, SIDE, 1), np.float32)
    before = np.asarray(network(flat))
    farthest = 0
    for place, bump in product(range(SIDE // 2, SIDE // 2 + stride), (1e4, -1e4)):
        bumped = flat.copy()
        bumped[0, ..., 8, place, 0] = bump
        changed = np.flatnonzero((np.asarray(network(bumped)) != before).any(axis=(0, 1, 3)))
        farthest = max(farthest, *np.abs(changed - place))
    return farthest


@pytest.mark.parametrize("name", ["paper-2d", "residual-2d", "residual-2.5d"])
def test_is_what_a_bump_reaches(name: str) -> None:
    field = receptive_field(build(name))
    assert field.stride == 4
    assert measured_radius(build(name), field.stride) == field.radius
    assert field.halo % field.stride == 0
    assert field.radius <= field.halo < field.radius + field.stride


def test_the_paper_network() -> None:
    assert receptive_field(build("paper-2d")).radius == 23
    assert receptive_field(build("paper-2d")).halo == 24


def test_one_convolution() -> None:
    counts = keras.Input((None, None, 1))
    field = receptive_field(keras.Model(counts, layers.Conv2D(1, 5, padding="same")(counts)))
    assert (field.radius, field.stride, field.halo) == (2, 1, 2)
