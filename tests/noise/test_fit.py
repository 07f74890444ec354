from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.noise.fit import fit_noise
from crispim_ij.noise.light_levels import LightLevel

LIGHT = np.linspace(100, 900, 12)


def levels(
    variance: np.ndarray, *, white: np.ndarray | bool = True, error: float = 0.01
) -> list[LightLevel]:
    rng = np.random.default_rng(0)
    sd = np.sqrt(variance) * (1 + error * rng.standard_normal(len(LIGHT)))
    is_white = np.broadcast_to(white, LIGHT.shape)
    return [
        LightLevel(float(x), float(s), 1 / 12, error, bool(w), 1.0, 0.0, 0.0, 0.0, 0.0)
        for x, s, w in zip(LIGHT, sd, is_white, strict=True)
    ]


@pytest.mark.parametrize(("gain", "floor"), [(2.0, 100.0), (0.5, 9.0), (5.0, 400.0)])
def test_a_line_is_found(gain: float, floor: float) -> None:
    found = fit_noise(levels(floor + gain * (LIGHT - 100)), 100)
    assert found.gain == pytest.approx(gain, rel=0.05)
    assert found.floor == pytest.approx(floor, rel=0.1)
    assert found.residual < 0.05


def test_noise_that_does_not_grow_is_one_value() -> None:
    found = fit_noise(levels(np.full(12, 1225.0), error=0.02), 100)
    assert found.gain == 0
    assert found.floor == pytest.approx(1225, rel=0.03)


def test_growth_too_small_to_matter_is_none() -> None:
    assert fit_noise(levels(np.linspace(1225, 1280, 12)), 100).gain == 0


def test_one_level_is_enough() -> None:
    found = fit_noise(levels(np.full(12, 400.0))[:1], 100)
    assert (found.gain, found.floor) == (0, pytest.approx(400, rel=0.03))


def test_two_levels_tell_a_gain() -> None:
    dark, *_, bright = levels(100 + 2 * (LIGHT - 100))
    found = fit_noise([dark, bright], 100)
    assert found.gain == pytest.approx(2, rel=0.05)
    assert found.floor == pytest.approx(100, rel=0.05)


def test_structure_in_bright_parts_is_no_gain() -> None:
    """Its variance grows with the square of light."""
    variance = 400 + 900 * ((LIGHT - 100) / 800) ** 2
    found = fit_noise(levels(variance, white=LIGHT < 250), 100)
    assert found.gain == 0
    assert found.floor == pytest.approx(400, rel=0.05)


def test_shot_noise_among_structure_is_a_gain() -> None:
    """Bright parts are never flat, but their noise grows as a camera's does."""
    found = fit_noise(levels(150 + 2.4 * (LIGHT - 100), white=LIGHT < 110), 100)
    assert found.gain == pytest.approx(2.4, rel=0.05)


@pytest.mark.parametrize("white", [True, False])
def test_nowhere_is_no_noise(white: bool) -> None:
    variance = 4 + 30 * ((LIGHT - 100) / 800) ** 4
    found = fit_noise(levels(variance, white=white), 50)
    assert found.floor >= (0.039 if found.gain else 3.9)


def test_levels_that_are_not_white_weigh_little() -> None:
    odd = np.arange(12) % 3 == 0
    found = fit_noise(levels(np.where(odd, 600.0, 400.0), white=~odd), 100)
    assert found.gain == 0
    assert found.floor == pytest.approx(400, rel=0.03)


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_the_fit_scales_with_counts(scale: float) -> None:
    plain = fit_noise(levels(100 + 2 * (LIGHT - 100)), 100)
    scaled = [
        LightLevel(one.light * scale, one.sd * scale, one.share, one.error, True, 1, 0, 0, 0, 0)
        for one in levels(100 + 2 * (LIGHT - 100))
    ]
    found = fit_noise(scaled, 100 * scale)
    assert found.gain == pytest.approx(plain.gain * scale, rel=1e-3)
    assert found.floor == pytest.approx(plain.floor * scale**2, rel=1e-3)
