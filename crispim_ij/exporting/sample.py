"""The image that every export is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crispim_ij.models import Model, ModelSpec

BRIGHTEST = 2000
"""Counts of the sample's brightest pixels."""


def sample_counts(spec: ModelSpec) -> NDArray[np.float32]:
    """Draw a small image like a noisy light-sheet plane, the same at every call.

    Tissue of 0 to 500 counts, a vessel of 2000 across it, and noise of sd 30. The sides
    are odd multiples of the network's stride.

    Parameters
    ----------
    spec : ModelSpec
        The model that is to take it.

    Returns
    -------
    ndarray of float32, shape (Y, X) or (depth, Y, X)
        Whole counts from 0 to 2000; a mini-stack for a 3D model.
    """
    is_3d = spec.depth > 1
    planes, rows, columns = (spec.depth, 3, 5) if is_3d else (1, 13, 17)
    z, y, x = np.ogrid[:planes, : rows * spec.stride, : columns * spec.stride]
    tissue = 250 * (1 + np.sin(y / 7) * np.cos((x + z) / 11))
    vessel = BRIGHTEST * np.exp(-(((y - 0.6 * x - 0.3 * z) / 3) ** 2))
    noise = np.random.default_rng(0).normal(0, 30, tissue.shape)
    counts: NDArray[np.float32] = np.clip(np.rint(tissue + vessel + noise), 0, BRIGHTEST).astype(
        np.float32
    )
    return counts if is_3d else counts[0]


def keras_prediction(model: Model, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Denoise a plane with the model itself.

    Parameters
    ----------
    model : Model
        The model.
    counts : ndarray of float32, shape (Y, X) or (depth, Y, X)
        A plane, or a mini-stack for a 3D model; sides are multiples of the stride.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Counts.
    """
    batch = model.network()(counts[np.newaxis, ..., np.newaxis], training=False)
    result: NDArray[np.float32] = np.asarray(batch)[0, ..., 0]
    return result
