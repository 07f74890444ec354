from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import NoiseSettings, noisy_plane

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
