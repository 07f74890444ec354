"""Dask arrays denoised tile by tile, when they are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings, check_size
from crispim_ij.denoising.load import load_denoiser
from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.models import Model
from crispim_ij.networks import mini_stack
from crispim_ij.noise import CameraNoise
from crispim_ij.planes import to_dtype
from crispim_ij.planes.arrays import NAME
from crispim_ij.planes.pixels import checked

if TYPE_CHECKING:
    import dask.array as da

Places = NDArray[np.int64]


def denoise_lazily(
    planes: da.Array,
    model: Model,
    settings: DenoiseSettings,
    dtype: Any,
    *,
    uncertain: bool,
    noise: CameraNoise | None = None,
) -> da.Array:
    """Denoise a Dask array when it is computed.

    Each chunk of the result is a tile of `TileGrid`, made from what lies in the tile's
    window alone; so the pixels are those of `denoise_planes`.

    Parameters
    ----------
    planes : dask.array.Array, shape (Z, Y, X)
        Raw counts, in chunks of known size.
    model : Model
        The model; where the array is computed in other processes, its folder must be
        there, too.
    settings : DenoiseSettings
        How to run it.
    dtype : numpy dtype
        Pixel type of the result.
    uncertain : bool
        Whether the expected error comes with each plane.
    noise : CameraNoise or None
        What the model is told of the planes.

    Returns
    -------
    dask.array.Array, shape (Z, Y, X), or (2, Z, Y, X) with expected errors
        In chunks of at most ``settings.tile`` px along Y and X. Along Z they are those of
        the array, or single planes for a 3D model.
    """
    import dask.array as da

    check_size((planes.shape[1], planes.shape[2]), model.spec)
    denoiser = load_denoiser(model, settings, uncertain=uncertain)
    grid = denoiser.grid((planes.shape[1], planes.shape[2]))
    rows, columns = (
        np.pad(np.arange(side), margin, mode="symmetric")
        for side, margin in zip(grid.plane, grid.margins, strict=True)
    )
    outputs = (2,) if uncertain else ()
    blocks = []
    for around in _stacks(planes, denoiser.depth):
        tiles: dict[int, list[da.Array]] = {}
        for window, core in grid.tiles():
            places = (around, rows[window[0]], columns[window[1]])
            boxes = [slice(int(at.min()), int(at.max()) + 1) for at in places]
            part = planes[tuple(boxes)]
            shape = (len(around), *(side.stop - side.start for side in core))
            tile = part.rechunk(part.shape).map_blocks(
                _denoise_tile,
                model,
                settings,
                [at - box.start for at, box in zip(places, boxes, strict=True)],
                TileGrid(shape[1:], grid.core, grid.halo),
                np.dtype(dtype),
                uncertain=uncertain,
                noise=noise,
                dtype=np.dtype(dtype),
                chunks=tuple((side,) for side in (*outputs, *shape)),
                new_axis=[0] if uncertain else None,
                meta=np.empty((0,) * (len(outputs) + 3), dtype),
            )
            tiles.setdefault(core[0].start, []).append(tile)
        blocks.append(list(tiles.values()))
    return da.block(blocks)


def _stacks(planes: da.Array, depth: int) -> list[Places]:
    """Return the planes that go into each chunk along Z: (planes of the chunk, depth)."""
    count = planes.shape[0]
    if depth > 1:
        return [np.array([mini_stack(k, count, depth)]) for k in range(count)]
    ends = np.cumsum(planes.chunks[0])[:-1]
    return [part[:, np.newaxis] for part in np.split(np.arange(count), ends)]


def _denoise_tile(
    pixels: NDArray[Any],
    model: Model,
    settings: DenoiseSettings,
    places: list[Places],
    grid: TileGrid,
    dtype: np.dtype[Any],
    *,
    uncertain: bool,
    noise: CameraNoise | None,
) -> NDArray[Any]:
    """Denoise one tile of some planes, from the box that its window lies in."""
    denoiser = load_denoiser(model, settings, uncertain=uncertain).told(noise)
    checked(pixels, pixels.shape, pixels.dtype.newbyteorder("="), NAME)
    around, rows, columns = places
    results = [_denoise_one(denoiser, grid, pixels[k][:, rows][..., columns]) for k in around]
    return to_dtype(np.stack(results, axis=-3), dtype)


def _denoise_one(denoiser: Denoiser, grid: TileGrid, around: NDArray[Any]) -> NDArray[np.float32]:
    """Denoise the plane that a mini-stack lies around."""
    return denoiser.extended(grid, around if denoiser.depth > 1 else around[0])
