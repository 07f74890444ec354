"""The image that every export is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crispim_ij.exporting.units import Units
    from crispim_ij.models import Model, ModelSpec

TOLERANCE = 1e-2
"""Counts by which a written model may differ from Keras on the sample."""

BRIGHTEST = 2000
"""Counts of the sample's brightest pixels."""

NOISE_SD = 30.0
"""Of the sample's noise, in counts."""


def sample_counts(spec: ModelSpec) -> NDArray[np.float32]:
    """Draw a small image like a noisy light-sheet plane, the same at every call.

    Tissue of 0 to 500 counts, a vessel of 2000 across it, and noise of `NOISE_SD`; a mini-stack
    for a 3D model. The sides are odd multiples of the network's stride.
    """
    is_3d = spec.depth > 1
    planes, rows, columns = (spec.depth, 3, 5) if is_3d else (1, 13, 17)
    z, y, x = np.ogrid[:planes, : rows * spec.stride, : columns * spec.stride]
    tissue = 250 * (1 + np.sin(y / 7) * np.cos((x + z) / 11))
    vessel = BRIGHTEST * np.exp(-(((y - 0.6 * x - 0.3 * z) / 3) ** 2))
    noise = np.random.default_rng(0).normal(0, NOISE_SD, tissue.shape)
    counts: NDArray[np.float32] = np.clip(np.rint(tissue + vessel + noise), 0, BRIGHTEST).astype(
        np.float32
    )
    return counts if is_3d else counts[0]


def counts_a_unit(units: Units) -> float:
    """Return how many of the sample's counts a difference of 1 in a network's result is."""
    return NOISE_SD if units.are_values else 1.0


def keras_prediction(model: Model, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """Denoise a plane, or a mini-stack, with the model itself, in the model's `Units`."""
    batch = model.network()(given[np.newaxis, ..., np.newaxis], training=False)
    result: NDArray[np.float32] = np.asarray(batch)[0, ..., 0]
    return result
