"""A piece of cleared brain under the light sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crispim_ij.phantom.anatomy import grow
from crispim_ij.phantom.fields import Field
from crispim_ij.phantom.optics import LightSheet, soft_step
from crispim_ij.phantom.settings import PhantomSettings
from crispim_ij.prefetch import prefetch

Plane = NDArray[np.float32]

_DARK = 98.0  # the camera's counts without light
_TISSUE = 150.0  # counts of plain tissue

# Distance of the knots in micrometres and strength of each octave of the tissue's texture.
_TEXTURE = ((3.5, 0.11), (7.0, 0.065), (15.0, 0.045), (40.0, 0.04), (120.0, 0.07), (400.0, 0.14))


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
    """Simulate a volume.

    Parameters
    ----------
    settings : PhantomSettings
        Size, seed and sampling.

    Returns
    -------
    ndarray of uint16
        The planes of `simulate_planes` as one (Z, Y, X) stack.
    """
    volume = np.empty(settings.shape, np.uint16)
    for k, plane in enumerate(simulate_planes(settings)):
        volume[k] = plane
    return volume


class Specimen:
    """Tissue with what grows in it; `plane` is a picture of it.

    Parameters
    ----------
    settings : PhantomSettings
        Size, seed and sampling.
    """

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
