from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.noise import CameraNoise
from crispim_ij.training.recorruption import recorrupt

CAMERA = CameraNoise(gain=0.5, offset=0.0, read_noise=10.0)
STRENGTH = 0.3
LIGHT = 400.0
SD = np.sqrt(100 + 0.5 * LIGHT)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).normal(0, SD, shape).astype(np.float32)


def test_a_pair_has_independent_noises() -> None:
    n = noise((1, 600, 600))
    (given, target), _ = recorrupt(LIGHT + n, CAMERA, STRENGTH, np.random.default_rng(4))
    ours, theirs = given[0] - LIGHT, target - LIGHT
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] == pytest.approx(0, abs=0.005)
    assert ours.std() == pytest.approx(SD * np.hypot(1, STRENGTH), rel=0.01)
    assert theirs.std() == pytest.approx(SD * np.hypot(1, 1 / STRENGTH), rel=0.01)
    assert theirs.mean() == pytest.approx(0, abs=0.5)


def test_the_two_pairs_are_opposite() -> None:
    planes = LIGHT + noise((1, 32, 32))
    plus, minus = recorrupt(planes, CAMERA, STRENGTH, np.random.default_rng(4))
    for ours, theirs in zip(plus, minus, strict=True):
        np.testing.assert_allclose((ours + theirs).squeeze() / 2, planes[0], rtol=1e-5)
        assert (ours != theirs).all()


def test_the_loss_is_the_supervised_one_but_for_a_constant() -> None:
    clean = LIGHT + 50 * np.sin(np.arange(512) / 9)[:, None] * np.ones(512)
    planes = (clean + noise(clean.shape))[np.newaxis].astype(np.float32)
    same_everywhere = CameraNoise(gain=0.0, offset=0.0, read_noise=SD)
    rng = np.random.default_rng(5)

    def smoothed(plane: np.ndarray, keep: float) -> np.ndarray:
        return keep * plane + (1 - keep) * np.roll(plane, 1, 0)

    def excess(keep: float) -> float:
        pairs = [recorrupt(planes, same_everywhere, STRENGTH, rng) for _ in range(8)]
        blind = np.mean([np.mean((smoothed(x[0], keep) - t) ** 2) for p in pairs for x, t in p])
        real = np.mean([np.mean((smoothed(x[0], keep) - clean) ** 2) for p in pairs for x, _ in p])
        return float(blind - real)

    constant = SD**2 * (1 + 1 / STRENGTH**2)
    for keep in (0.2, 0.5, 0.9):
        assert excess(keep) == pytest.approx(constant, rel=0.01)


def test_only_the_plane_to_predict_is_recorrupted() -> None:
    planes = LIGHT + noise((5, 16, 16))
    (given, target), _ = recorrupt(planes, CAMERA, STRENGTH, np.random.default_rng(4))
    np.testing.assert_array_equal(given[[0, 1, 3, 4]], planes[[0, 1, 3, 4]])
    assert (given[2] != planes[2]).all()
    assert target.shape == (16, 16)
    assert given.dtype == target.dtype == np.float32
