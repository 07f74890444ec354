"""Evaluation under a camera's noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
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

CLEAN = np.full((200, 200), 300, np.uint16)


def test_sd_is_that_of_the_plane() -> None:
    plane, sd = noisy_plane(CLEAN, 0, NoiseSettings())
    assert np.std(plane - CLEAN) == pytest.approx(sd, rel=0.03)
    assert np.mean(plane - CLEAN) == pytest.approx(0, abs=1)


def test_all_of_the_range_is_drawn_and_nothing_else() -> None:
    tiny = CLEAN[:1, :1]
    drawn = {noisy_plane(tiny, index, NoiseSettings((30, 40)))[1] for index in range(300)}
    assert drawn == set(range(30, 41))


def test_noise_is_not_rounded_but_clipped() -> None:
    dark, _ = noisy_plane(np.zeros((50, 50), np.uint16), 0, NoiseSettings())
    bright, _ = noisy_plane(np.full((50, 50), 65535, np.uint16), 0, NoiseSettings())
    assert dark.min() == 0
    assert bright.max() == 65535
    assert np.any(dark % 1)


def test_noise_is_the_published_recipe() -> None:
    plane, sd = noisy_plane(CLEAN, 7, NoiseSettings((30, 40), seed=5))
    rng = np.random.default_rng((5, 7))
    assert sd == rng.integers(30, 41)
    assert np.array_equal(plane, np.clip(CLEAN + rng.normal(0, sd, CLEAN.shape), 0, 65535))


@given(index=st.integers(0, 5000), seed=st.integers(0, 2**32))
def test_noise_depends_on_seed_and_index_alone(index: int, seed: int) -> None:
    clean = CLEAN[:4, :4]
    settings = NoiseSettings(seed=seed)
    first, again = noisy_plane(clean, index, settings), noisy_plane(clean, index, settings)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], noisy_plane(clean, index + 1, settings)[0])


@pytest.mark.parametrize("sd", [(40, 30), (-1, 5), (30.5, 40), (30, 70000), (30, float("nan"))])
def test_impossible_noise_is_refused(sd: tuple[float, float]) -> None:
    with pytest.raises(CrispimError, match="--noise-sd"):
        NoiseSettings(sd)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(CrispimError, match="--seed"):
        NoiseSettings(seed=-1)


CAMERA = CameraNoise(2, 100, 10)


def test_noise_is_the_cameras() -> None:
    settings = NoiseSettings(camera=CAMERA)
    for level in (100, 400, 3000):
        clean = np.full((300, 300), level, np.uint16)
        noisy, sd = noisy_plane(clean, 3, settings)
        assert sd is None
        assert noisy.mean() == pytest.approx(level, abs=1.5)
        assert noisy.var() == pytest.approx(2 * (level - 100) + 100, rel=0.03)


def test_camera_noise_depends_on_seed_and_index_alone() -> None:
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
