"""Dask arrays downsampled and made noisy when they are computed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.preprocessing.plane import (
    PreprocessSettings,
    add_noise,
    downsample,
    plan_noise,
    plane_noise,
    target_size,
)

if TYPE_CHECKING:
    import dask.array as da


def preprocess_lazily(planes: da.Array, settings: PreprocessSettings) -> da.Array:
    """Preprocess a Dask array when it is computed, to the pixels that its planes get one by one.

    Parameters
    ----------
    planes : dask.array.Array, shape (Z, Y, X)
        Planes of uint8, uint16 or float32, in chunks of known size.
    settings : PreprocessSettings
        What to do. A seed that is not given is drawn now, so that the array doesn't
        change each time it is computed.

    Returns
    -------
    dask.array.Array, shape (Z, height, width)
        In chunks of whole planes.

    Raises
    ------
    CrispimError
        If the planes or the settings don't fit ImageJ, or one stream of noise is to run
        through planes that are computed in any order.
    """
    if settings.seed_stack:
        raise CrispimError(
            "One stream of noise (seed_stack) can't run through a Dask array, whose planes are "
            "computed in any order: compute the array first, or leave seed_stack out."
        )
    size = target_size((planes.shape[1], planes.shape[2]), settings.factor)
    seed = plan_noise(ArraySource(planes), settings)[0].seed
    whole = planes.rechunk({1: -1, 2: -1})
    return whole.map_blocks(
        _preprocess_block,
        replace(settings, seed=seed),
        dtype=planes.dtype,
        chunks=(whole.chunks[0], *((side,) for side in size)),
        meta=np.empty((0, 0, 0), planes.dtype),
    )


def _preprocess_block(
    pixels: NDArray[Any], settings: PreprocessSettings, block_info: Any
) -> NDArray[Any]:
    """Preprocess some planes of the array, the first of which has a known index."""
    source, engine = ArraySource(pixels), NativeImageJ()
    first = block_info[0]["array-location"][0][0]
    assert settings.seed is not None
    size = target_size((pixels.shape[1], pixels.shape[2]), settings.factor)
    result = np.empty((len(source), *size), source.dtype)
    for k in range(len(source)):
        noise = plane_noise(settings, settings.seed, first + k)
        result[k] = add_noise(downsample(source.read(k), size, settings, engine), noise, engine)
    return result
