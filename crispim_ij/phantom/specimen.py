"""A piece of cleared brain under the light sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.phantom.anatomy import grow
from crispim_ij.phantom.optics import LightSheet, Plane, soft_step
from crispim_ij.prefetch import prefetch

_DARK = 98.0  # the camera's counts without light
_TISSUE = 150.0  # counts of plain tissue
_FIELD_SD = 0.33  # of white noise of sd 1 seen through the spline's weights on three axes

# Distance of the knots in micrometres and strength of each octave of the tissue's texture.
_TEXTURE = ((3.5, 0.11), (7.0, 0.065), (15.0, 0.045), (40.0, 0.04), (120.0, 0.07), (400.0, 0.14))


@dataclass(frozen=True)
class PhantomSettings:
    """What to simulate.

    Attributes
    ----------
    shape : tuple of int
        Planes, rows and columns.
    seed : int
        The same settings give the same volume, in every pixel.
    pixel_size : float
        Of a pixel in Y and X, in micrometres.
    z_step : float
        Between planes, in micrometres.
    stripes : float
        Strength of the shadows that the light sheet casts along X: 0 for none, as after
        perfect destriping, 1 for those of a raw plane.
    sheet : float
        Standard deviation of the light sheet's profile along Z, in micrometres.
    density : float
        How many times as many cells and axons as usual.
    """

    shape: tuple[int, int, int] = (24, 800, 1000)
    seed: int = 0
    pixel_size: float = 1.8
    z_step: float = 2.0
    stripes: float = 0.5
    sheet: float = 3.2
    density: float = 1.0

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise CrispimError(
                f"a phantom can't have the shape {self.shape}: give planes, rows and columns, "
                "each at least 1."
            )
        if not (0 < self.pixel_size < 100 and 0 < self.z_step < 100):
            raise CrispimError(
                f"a phantom can't have pixels of {self.pixel_size} and planes {self.z_step} "
                "micrometres apart: give sizes above 0 and below 100."
            )
        if self.seed < 0 or not 0 <= self.stripes <= 1:
            raise CrispimError(
                f"a phantom can't have the seed {self.seed} and stripes {self.stripes}: give a "
                "seed of at least 0 and stripes from 0 to 1."
            )
        if not (0 < self.sheet < 100 and 0 <= self.density <= 10):
            raise CrispimError(
                f"a phantom can't have a sheet of {self.sheet} micrometres and a density of "
                f"{self.density}: give a sheet above 0 and below 100 and a density from 0 to 10."
            )


def simulate_planes(settings: PhantomSettings) -> Iterator[NDArray[np.uint16]]:
    """Simulate a volume plane by plane, holding a few planes at a time.

    Parameters
    ----------
    settings : PhantomSettings
        Size, seed and sampling.

    Yields
    ------
    ndarray of uint16
        The (Y, X) planes in order. Tissue lies mostly at 100-500 counts; bright cells, axons
        and vessels reach the thousands. The planes have no noise.
    """
    specimen = Specimen(settings)
    workers = min(os.cpu_count() or 1, 8)
    planes = prefetch(specimen.plane, range(settings.shape[0]), workers=workers, ahead=2 * workers)
    yield from planes


def simulate_volume(settings: PhantomSettings) -> NDArray[np.uint16]:
    """Simulate the planes of `simulate_planes` as one stack, uint16 of shape (Z, Y, X)."""
    volume = np.empty(settings.shape, np.uint16)
    for k, plane in enumerate(simulate_planes(settings)):
        volume[k] = plane
    return volume


class Specimen:
    """Tissue with what grows in it; `plane` is a picture of it."""

    def __init__(self, settings: PhantomSettings) -> None:
        self._settings = settings
        rng = np.random.default_rng((settings.seed, 0))
        steps = np.array([settings.z_step, settings.pixel_size, settings.pixel_size])
        size = np.array(settings.shape) * steps
        # Nothing changes faster along z than the sheet is thick.
        thickness = 3 * settings.sheet
        self._texture = [
            (strength, Field(settings, 10 + k, knots, max(knots, thickness)))
            for k, (knots, strength) in enumerate(_TEXTURE)
            # A pixel averages over what is finer than itself; left in, it would be noise.
            if knots > 1.5 * settings.pixel_size
        ]
        self._regions = [Field(settings, 30 + k, 700.0, 700.0) for k in range(2)]
        self._relief = Field(settings, 40, 260.0, 260.0)
        self._bundles = rng.standard_normal(2048).astype(np.float32)
        angle = rng.uniform(0, 2 * np.pi)
        inward = np.array([np.sin(angle), np.cos(angle)])
        self._y = np.arange(settings.shape[1]) * settings.pixel_size * inward[0]
        self._x = np.arange(settings.shape[2]) * settings.pixel_size * inward[1]
        extent = np.abs(inward * size[1:]).sum()
        # The surface cuts off a corner of the picture, or lies just outside it.
        self._surface = self._y.min() + self._x.min() + extent * rng.uniform(-0.05, 0.28)
        anatomy = grow(rng, size, np.array([-0.2, *-inward]), settings.density)
        self._sheet = LightSheet(settings, anatomy)

    def plane(self, index: int) -> NDArray[np.uint16]:
        """Return the (Y, X) picture of plane `index` in counts."""
        z = index * self._settings.z_step
        depth = self._depth(z)
        inside = soft_step(depth, 12.0)
        texture = np.zeros_like(depth)
        for strength, field in self._texture:
            texture += strength * field.plane(z)
        tissue = self._tissue(z, depth, texture) * np.exp(texture)
        image = self._sheet.draw(z, tissue, inside, np.exp(3 * texture.clip(-0.3, 0.2)))
        # Tissue's light reaches a little beyond its edge.
        image += (1 - inside) * 16 * np.exp(np.minimum(depth, 0) / 70)
        image = self._sheet.expose(z, image, np.maximum(depth, 0))
        counts: NDArray[np.uint16] = np.rint(_DARK + image).clip(0, 65535).astype(np.uint16)
        return counts

    def _depth(self, z: float) -> Plane:
        """Return how far each pixel lies under the brain's surface, in micrometres."""
        flat = self._y[:, None] + self._x[None, :] - self._surface + 0.2 * z
        depth: Plane = flat.astype(np.float32) + 35 * self._relief.plane(z)
        return depth

    def _tissue(self, z: float, depth: Plane, texture: Plane) -> Plane:
        """Return the tissue's own light: rim, depth, a fibre tract and a dark seam."""
        first, second = (field.plane(z) for field in self._regions)
        below = np.maximum(depth, 0)
        light = 0.8 + 0.5 * np.exp(-below / 500) + 0.35 * np.exp(-below / 18)
        light += 0.45 * np.exp(-(((first - 0.5) / 0.16) ** 2))
        light -= 0.22 * np.exp(-(((second + 0.3) / 0.10) ** 2))
        light *= 1 + 0.12 * np.tanh(4 * second)
        # Fibres run along the tract, so they are lines of equal height of its own field.
        at = (first + 0.06 * texture + 8) * 60
        fibres = np.interp(at, np.arange(len(self._bundles)), self._bundles).astype(np.float32)
        patchy = np.exp(-(((first - 0.5) / 0.4) ** 2)) / (1 + np.exp(-6 * second))
        light += 0.09 * fibres * patchy
        return (_TISSUE * light).astype(np.float32)


class Field:
    """A smooth random field of mean 0 and sd near 1: a cubic B-spline over white noise.

    Each layer of knots is drawn from a seed of its own, so any plane can be made alone and
    the whole field is never held. `number` tells the fields of a volume apart; `size` and
    `depth` are the distances between knots in Y and X and along Z, in micrometres.
    """

    def __init__(self, settings: PhantomSettings, number: int, size: float, depth: float) -> None:
        _, rows, columns = settings.shape
        self._seed = (settings.seed, number)
        self._depth = depth
        self._y = _spline_matrix(rows, settings.pixel_size / size)
        self._x = _spline_matrix(columns, settings.pixel_size / size)

    def plane(self, z: float) -> NDArray[np.float32]:
        """Return the field on the (Y, X) pixels at height `z` micrometres."""
        layer, rest = divmod(z / self._depth, 1)
        knots = np.zeros((self._y.shape[1], self._x.shape[1]), np.float32)
        for k, weight in enumerate(_spline_weights(np.array([rest]))[0]):
            rng = np.random.default_rng((*self._seed, int(layer) + k))
            knots += np.float32(weight / _FIELD_SD) * rng.standard_normal(knots.shape, np.float32)
        field: NDArray[np.float32] = (self._x @ (self._y @ knots).T).T
        return field


def _spline_weights(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the four weights of the uniform cubic B-spline at t in [0, 1)."""
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return np.stack(weights, axis=-1) / 6


def _spline_matrix(pixels: int, knots_per_pixel: float) -> Any:
    """Return the sparse matrix that takes values at knots to values at pixels."""
    from scipy.sparse import csr_array

    knot, t = np.divmod(np.arange(pixels) * knots_per_pixel, 1)
    columns = knot[:, None].astype(int) + np.arange(4)
    rows = np.repeat(np.arange(pixels), 4)
    weights = _spline_weights(t).astype(np.float32)
    return csr_array((weights.ravel(), (rows, columns.ravel())))
