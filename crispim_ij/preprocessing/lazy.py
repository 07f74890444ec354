"""Dask arrays downsampled and made noisy when they are computed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes.arrays import ArraySink, ArraySource
from crispim_ij.preprocessing.noise_plan import plan_noise
from crispim_ij.preprocessing.settings import PreprocessSettings, target_size
from crispim_ij.preprocessing.stack import preprocess

if TYPE_CHECKING:
    import dask.array as da


def preprocess_lazily(planes: da.Array, settings: PreprocessSettings) -> da.Array:
    """Preprocess a Dask array when it is computed, to the pixels that `preprocess` gives.

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
    """Preprocess some planes: plane k of a stack is plane 0 of one whose seed is k more."""
    source = ArraySource(pixels)
    first = block_info[0]["array-location"][0][0]
    assert settings.seed is not None
    size = target_size((pixels.shape[1], pixels.shape[2]), settings.factor)
    sink = ArraySink((len(source), *size), pixels.dtype)
    own = replace(settings, seed=settings.seed + first)
    preprocess(source, sink, None, own, NativeImageJ())
    return sink.pixels
