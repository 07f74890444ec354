"""The specimen that napari's menu offers."""

from __future__ import annotations

import numpy as np

from crispim_ij.napari.sample import NOISE_SD, SETTINGS, noisy_phantom
from crispim_ij.phantom import simulate_volume


def test_the_phantom_is_noisy_and_has_its_place() -> None:
    ((pixels, shown, kind),) = noisy_phantom()
    assert kind == "image"
    assert pixels.dtype == np.uint16
    noise = pixels.astype(float) - simulate_volume(SETTINGS)
    assert abs(noise.std() - NOISE_SD) < 0.5
    assert shown["scale"] == (2.0, 1.8, 1.8)
    low, high = shown["contrast_limits"]
    assert pixels.min() <= low < high <= pixels.max()
