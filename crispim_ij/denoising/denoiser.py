"""A trained network as a function from plane to plane."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, ModelSpec
from crispim_ij.networks import ARCHITECTURES
from crispim_ij.networks.architectures import Padding, Precision
from crispim_ij.noise import MEASURED, CameraNoise, NoiseOptions, restore, stabilise, tell_noise
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.quiet import start_tensorflow

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What a network makes of a tile with its margins."""


@dataclass(frozen=True)
class DenoiseSettings:
    """How a network is run.

    Attributes
    ----------
    precision : {'float32', 'bfloat16'}
        Arithmetic of the convolutions.
    tile : int
        Longest side, in px, that the network is given at once, without halo. Larger
        tiles need more memory; the result doesn't depend on it.
    """

    precision: Precision = "float32"
    tile: int = 1024

    def __post_init__(self) -> None:
        if self.tile < 1:
            raise CrispimError(f"--tile is {self.tile}; give a side of at least 1 px.")


class Denoiser:
    """A model, compiled, that takes planes of any size.

    Calling it denoises one plane; several threads may do so at once. A model that is told the
    noise must be told it first, see `told`. To compile a network takes a while, and is done once
    for a folder's weights and a precision.

    Parameters
    ----------
    model : Model
        The model.
    settings : DenoiseSettings
        How to run it.

    Attributes
    ----------
    depth : int
        Planes that it takes for the one that it gives.
    halo : int
        Margin in px, on the pooling grid, that makes its tiles exact.
    noise : CameraNoise or None
        What it was told.
    outputs : tuple of int
        Axes of its result before Y and X: none, unless something goes with the counts.
    """

    outputs: tuple[int, ...] = ()

    def __init__(self, model: Model, settings: DenoiseSettings) -> None:
        self.spec = model.spec
        self.settings = settings
        self.depth = model.spec.depth
        self.halo = model.spec.halo
        self.noise: CameraNoise | None = None
        self._run = _compile(model, settings.precision)

    def told(self, noise: CameraNoise | None) -> Denoiser:
        """Return the same network, told the noise of the planes that come next, in counts.

        This one stays as it is. Models that guess the noise take no heed of it, and need none.
        """
        other = copy.copy(self)
        other.noise = noise
        return other

    def told_by(self, planes: NDArray[Any]) -> Denoiser:
        """Tell the noise that planes, (Y, X) or (Z, Y, X) of one channel, are measured to have."""
        if not self.spec.takes_noise:
            return self
        noise = tell_noise(ArraySource(planes), MEASURED, learnt=self.spec.learnt_grain)
        return self.told(noise.channels[0])

    def __call__(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise one plane.

        Parameters
        ----------
        plane : ndarray, shape (Y, X), or (depth, Y, X) for a 3D model
            Raw counts, of any numeric type; of several planes that at ``depth // 2`` is
            denoised (see `crispim_ij.networks.mini_stack`).

        Returns
        -------
        ndarray of float32, shape (Y, X)
            Counts, not rounded and not clipped.

        Raises
        ------
        CrispimError
            If a side is shorter than the network's stride.
        """
        shape = plane.shape[-2], plane.shape[-1]
        check_size(shape, self.spec)
        grid = self.grid(shape)
        return self.extended(grid, grid.extend(plane))

    def extended(self, grid: TileGrid, extended: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise what is given with its margins.

        Parameters
        ----------
        grid : TileGrid
            Tiles of the part of a plane that is wanted.
        extended : ndarray, shape (Y, X), or (depth, Y, X) for a 3D model
            The part, and around it `grid`'s margins.

        Returns
        -------
        ndarray of float32, shape (Y, X)
            The part, without the margins.
        """
        extended = extended.astype(np.float32)
        result = np.empty((*self.outputs, *grid.plane), np.float32)
        for window, core in grid.tiles():
            rows, columns = (part.stop - part.start for part in core)
            place, within = (Ellipsis, *window), (Ellipsis, *core)
            result[within] = self._denoised(extended[place])[..., :rows, :columns]
        return result

    def _denoised(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on a tile of counts, in units of the noise where it is told that."""
        if not self.spec.takes_noise:
            return self._run(tile)
        if self.noise is None:
            raise CrispimError(
                f"Model {self.spec.name!r} must be told the noise: measure it first."
            )
        if self.noise.is_none:
            return self._untouched(tile)
        return self._in_counts(self._run(stabilise(tile, self.noise)), self.noise)

    def _untouched(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what becomes of a tile without noise."""
        plane = tile if tile.ndim == 2 else tile[len(tile) // 2]
        return plane[self.halo : -self.halo, self.halo : -self.halo]

    def _in_counts(self, values: NDArray[np.float32], noise: CameraNoise) -> NDArray[np.float32]:
        """Turn what the network gives into counts."""
        return restore(values, noise)

    def grid(self, shape: tuple[int, int]) -> TileGrid:
        """Cut a plane, or a part of one, into tiles."""
        return TileGrid.plan(shape, self.settings.tile, self.halo, self.spec.stride)


class Described(Protocol):
    """What is known of a model, wherever that is written."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def takes_noise(self) -> bool:
        """Whether it must be told the noise."""


def check_options(spec: Described, options: NoiseOptions) -> None:
    """Refuse to tell the noise to a model that guesses it, where that would be of no effect."""
    if not spec.takes_noise and not options.is_default:
        raise CrispimError(
            f"Model {spec.name!r} guesses the noise, so a given noise or strength (--noise, "
            "--strength) means nothing to it: leave them out, or take a model that is told it, "
            "such as crispim-2d."
        )


def check_size(shape: tuple[int, int], spec: ModelSpec) -> None:
    """Refuse planes, of `shape` (Y, X), with a side that is shorter than the network's stride."""
    if min(shape) < spec.stride:
        raise CrispimError(
            f"A plane of {shape[0]} x {shape[1]} px is too small for model "
            f"{spec.name!r}, which needs {spec.stride} px on each side."
        )


_COMPILING = Lock()


@dataclass(frozen=True)
class _Key:
    """What decides the values that a compiled network gives."""

    folder: Path
    sha256: str
    precision: Precision
    model: Model = field(compare=False)


def _compile(model: Model, precision: Precision) -> Run:
    """Compile a network, or return what was compiled before; several threads may ask at once."""
    with _COMPILING:
        return _compiled(_Key(model.folder, model.spec.sha256, precision, model))


@lru_cache(maxsize=8)
def _compiled(key: _Key) -> Run:
    """Compile a network once for all sizes of tiles; it gives a tile's core."""
    model = key.model
    start_tensorflow()
    import tensorflow as tf

    valid = ARCHITECTURES[model.spec.architecture].has_valid_padding
    padding: Padding = "valid" if valid else "same"
    network = model.network(precision=key.precision, padding=padding)
    planes = () if model.spec.depth == 1 else (model.spec.depth,)

    compiled = tf.function(
        lambda tile: network(tile, training=False),
        input_signature=[tf.TensorSpec((1, *planes, None, None, 1), tf.float32)],
    )
    # Valid padding leaves the halo out by itself.
    core = slice(None) if valid else slice(model.spec.halo, -model.spec.halo)

    def run(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        # A tf.function that is called with a shape which doesn't fit would block all later calls.
        if tile.shape[:-2] != planes:
            raise ValueError(f"{tile.shape} where {(*planes, 'Y', 'X')} is needed")
        result: NDArray[np.float32] = compiled(tile[np.newaxis, ..., np.newaxis]).numpy()
        return result[0, core, core, 0]

    return run
