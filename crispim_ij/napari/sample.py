"""A specimen to try the widget on."""

from __future__ import annotations

from typing import Any

import numpy as np

from crispim_ij.phantom import PhantomSettings, simulate_volume

SETTINGS = PhantomSettings(shape=(16, 400, 500))
NOISE_SD = 30.0


def noisy_phantom() -> list[tuple[Any, dict[str, Any], str]]:
    """Simulate a piece of cleared brain and add noise.

    Returns
    -------
    list of tuple
        One image layer as napari takes it: uint16 counts of shape (Z, Y, X) with Gaussian
        noise of 30 counts, and their place in micrometres.
    """
    clean = simulate_volume(SETTINGS)
    noise = np.random.default_rng(SETTINGS.seed).normal(0, NOISE_SD, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    low, high = np.percentile(noisy, (0.1, 99.8))
    shown = {
        "name": "phantom",
        "scale": (SETTINGS.z_step, SETTINGS.pixel_size, SETTINGS.pixel_size),
        "units": ("um", "um", "um"),
        "axis_labels": ("z", "y", "x"),
        "contrast_limits": (float(low), float(high)),
    }
    return [(noisy, shown, "image")]
