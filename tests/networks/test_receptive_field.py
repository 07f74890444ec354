from __future__ import annotations

from itertools import product

import keras
import numpy as np
import pytest
from keras import layers

from crispim_ij.networks import build, receptive_field, stabilised

SIDE = 256


def measured_radius(network: keras.Model, stride: int, height: float) -> int:
    """Farthest pixel, in X, that a bump at any place of the pooling grid changes.

    Weights are positive, so that nothing cancels; a ReLU can hide only one of the signs. There are
    no biases: all is 0 without the bump, and however little it adds is seen.
    """
    network.set_weights([np.full_like(w, 0.1 if w.ndim > 1 else 0) for w in network.get_weights()])
    planes = network.input_shape[1:-3]
    bumps = list(product(range(SIDE // 2, SIDE // 2 + stride), (height, -height)))
    bumped = np.zeros((len(bumps), *planes, 2 * stride, SIDE, 1), np.float32)
    for one, (place, bump) in zip(bumped, bumps, strict=True):
        one[..., stride, place, 0] = bump
    results = np.asarray(network(bumped))
    return max(
        int(np.abs(np.flatnonzero(result.any(axis=(0, 2))) - place).max())
        for result, (place, _) in zip(results, bumps, strict=True)
        if result.any()
    )


@pytest.mark.parametrize("name", ["paper-2d", "residual-2d", "residual-2.5d"])
def test_is_what_a_bump_reaches(name: str) -> None:
    field = receptive_field(build(name))
    assert field.stride == 4
    assert measured_radius(build(name), field.stride, 1.0) == field.radius
    assert field.halo % field.stride == 0
    assert field.radius <= field.halo < field.radius + field.stride


@pytest.mark.parametrize(
    ("name", "halo"),
    [
        ("stabilised-2d", stabilised.HALO),
        ("stabilised-2d-fast", stabilised.FAST_HALO),
        ("stabilised-2.5d", stabilised.HALO),
    ],
)
def test_a_bump_reaches_hardly_less_where_layers_hide_some(
    name: str, halo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bump must be compressed to reach through the darkest of the surroundings."""
    monkeypatch.setattr(stabilised, "MOST", 1e30)
    field = receptive_field(build(name))
    assert field.stride == 8
    measured = measured_radius(build(name), field.stride, 1e4)
    assert field.radius - 4 <= measured <= field.radius
    assert field.halo == halo


def test_the_paper_network() -> None:
    assert receptive_field(build("paper-2d")).radius == 23
    assert receptive_field(build("paper-2d")).halo == 24


def test_one_convolution() -> None:
    counts = keras.Input((None, None, 1))
    field = receptive_field(keras.Model(counts, layers.Conv2D(1, 5, padding="same")(counts)))
    assert (field.radius, field.stride, field.halo) == (2, 1, 2)
