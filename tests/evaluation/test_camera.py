"""Evaluation under a camera's noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crispim_ij.evaluation import (
    EvaluationSettings,
    NoiseSettings,
    evaluate,
    find_method,
    noisy_plane,
    tune,
)
from crispim_ij.noise import CameraNoise
from crispim_ij.planes import open_source

CAMERA = CameraNoise(2, 100, 10)


def test_noise_is_the_cameras() -> None:
    settings = NoiseSettings(camera=CAMERA)
    for level in (100, 400, 3000):
        clean = np.full((300, 300), level, np.uint16)
        noisy, sd = noisy_plane(clean, 3, settings)
        assert sd is None
        assert noisy.mean() == pytest.approx(level, abs=1.5)
        assert noisy.var() == pytest.approx(2 * (level - 100) + 100, rel=0.03)


def test_noise_depends_on_seed_and_index_alone() -> None:
    clean = np.full((20, 20), 300, np.uint16)

    def noise(seed: int, index: int) -> bytes:
        return noisy_plane(clean, index, NoiseSettings(seed=seed, camera=CAMERA))[0].tobytes()

    assert noise(1, 2) == noise(1, 2)
    assert len({noise(1, 2), noise(2, 2), noise(1, 3)}) == 3


def test_small_types_are_clipped() -> None:
    noisy, _ = noisy_plane(np.full((50, 50), 250, np.uint8), 0, NoiseSettings(camera=CAMERA))
    assert noisy.max() == 255


def test_methods_are_measured(clean: Path) -> None:
    settings = EvaluationSettings(planes=3, noise=NoiseSettings(camera=CAMERA))
    with open_source(clean) as source:
        methods = [find_method("noisy"), tune("gaussian-tuned", source, settings)]
        planes = list(evaluate(source, methods, settings))
        expected = [CAMERA.variance(plane.clean).mean() ** 0.5 for plane in planes]
    rows = [row for plane in planes for row in plane.rows]
    assert {row.sd for row in rows} == {None}
    noisy, tuned = ([row.rmse for row in rows if row.method == m.name] for m in methods)
    assert noisy == pytest.approx(expected, rel=0.05)
    assert all(after < before for after, before in zip(tuned, noisy, strict=True))
