"""What a light sheet makes of a specimen: a section with a thickness, blur and shadows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crispim_ij.phantom.anatomy import STEP, Anatomy, Points

if TYPE_CHECKING:
    from crispim_ij.phantom.specimen import PhantomSettings

Plane = NDArray[np.float32]

_THIN, _THICK = 1.5, 2.3  # sd of the blur that thin and thick axons are drawn with, micrometres
_GLOW = 14.0  # sd of the light of cells out of focus, micrometres


class LightSheet:
    """Draws planes of an anatomy as the sheet shows them."""

    def __init__(self, settings: PhantomSettings, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._sd = settings.sheet
        self._shape = settings.shape[1:]
        self._pixel = settings.pixel_size
        self._stripes = settings.stripes

    def draw(self, z: float, tissue: Plane, inside: Plane, grain: Plane) -> Plane:
        """Return tissue with vessels, cells and axons in it, at height `z` micrometres.

        `inside` is 1 in the brain and 0 outside; `grain` roughens bright bodies.
        """
        anatomy = self._anatomy
        gap, shine = self._bodies(anatomy.vessels.near(z, 20.0), z)
        lumen = soft_step(-gap, 2.4) * np.where(shine < 0, -shine, 0.7)
        wall = np.exp(-((gap / 1.6) ** 2)) * (np.maximum(shine, 0) + 0.08 * tissue)
        image = tissue * (1 - lumen) + wall
        gap, shine = self._bodies(anatomy.cells.near(z, 20.0), z)
        image += np.maximum(shine, 0) * soft_step(-gap, 1.6) * grain
        image += self._lines(anatomy.thin, z, _THIN) + self._lines(anatomy.thick, z, _THICK)
        image += self._glow(z)
        section: Plane = (image * inside).astype(np.float32)
        return section

    def expose(self, z: float, image: Plane, depth: Plane) -> Plane:
        """Return the image with shadows, and the blur that grows with depth."""
        from scipy.ndimage import gaussian_filter

        shaded = image * self._shadows(z)
        sharp = gaussian_filter(shaded, 0.9 / self._pixel)
        soft = gaussian_filter(shaded, 3.2 / self._pixel)
        share = 0.75 * (1 - np.exp(-(depth + z) / 900))
        mixed: Plane = sharp + share.astype(np.float32) * (soft - sharp)
        return mixed

    def _lines(self, points: Points, z: float, sd: float) -> Plane:
        """Return curves whose points add up to their brightness along the curve."""
        from scipy.ndimage import gaussian_filter

        # A row of points a STEP apart, each blurred to a spot, has this height.
        height = STEP * np.sqrt(2 * np.pi) * sd / self._pixel**2
        return gaussian_filter(height * self._dots(points, z, self._sd), sd / self._pixel)

    def _glow(self, z: float) -> Plane:
        """Return the light of cells above and below the sheet's focus."""
        from scipy.ndimage import gaussian_filter

        area = 2 * np.pi * (_GLOW / self._pixel) ** 2
        dots = self._dots(self._anatomy.cells, z, 1.2 * _GLOW)
        return 0.012 * area * gaussian_filter(dots, _GLOW / self._pixel, truncate=3)

    def _dots(self, points: Points, z: float, sd: float) -> Plane:
        """Return points added to a plane, each shared among four pixels, dimmer off the focus."""
        rows, columns = self._shape
        near = points.near(z, 3.5 * sd)
        light = near.brightness * np.exp(-0.5 * ((near.zyx[:, 0] - z) / sd) ** 2)
        y, x = near.zyx[:, 1:].T / self._pixel
        inside = (y >= 0) & (y < rows - 1) & (x >= 0) & (x < columns - 1)
        (row, v), (column, u) = (np.divmod(c[inside], 1) for c in (y, x))
        at = (row * columns + column).astype(np.int64)
        plane = np.zeros(rows * columns)
        for offset, share in (
            (0, (1 - v) * (1 - u)),
            (1, (1 - v) * u),
            (columns, v * (1 - u)),
            (columns + 1, v * u),
        ):
            plane += np.bincount(at + offset, light[inside] * share, minlength=plane.size)
        return plane.reshape(rows, columns).astype(np.float32)

    def _bodies(self, balls: Points, z: float) -> tuple[Plane, Plane]:
        """Return each pixel's distance to the nearest ball's surface and that ball's brightness."""
        margin = 6.0
        gap = np.full(self._shape, margin, np.float32)
        shine = np.zeros(self._shape, np.float32)
        for (ball_z, y, x), radius, brightness in zip(*balls, strict=True):
            rise = ball_z - z
            reach = (radius + margin) ** 2 - rise**2
            if reach <= 0:
                continue
            rows = _span(y, reach**0.5, self._pixel, self._shape[0])
            columns = _span(x, reach**0.5, self._pixel, self._shape[1])
            dy = np.arange(rows.start, rows.stop) * self._pixel - y
            dx = np.arange(columns.start, columns.stop) * self._pixel - x
            mine = np.sqrt(rise**2 + dy[:, None] ** 2 + dx**2) - radius
            window = gap[rows, columns]
            closer = mine < window
            window[closer] = mine[closer]
            shine[rows, columns][closer] = brightness
        return gap, shine

    def _shadows(self, z: float) -> Plane:
        """Return the share of light that is left behind what absorbs it; the sheet runs along X."""
        rows, columns = self._shape
        light = np.ones(self._shape, np.float32)
        x = np.arange(columns) * self._pixel
        absorbers = self._anatomy.absorbers.near(z, 15.0)
        for (at, y, begin), radius, strength in zip(*absorbers, strict=True):
            band = _span(y, 3 * radius, self._pixel, rows)
            dy = np.arange(band.start, band.stop) * self._pixel - y
            across = np.exp(-0.5 * (dy / radius) ** 2 - 0.5 * ((at - z) / 5.0) ** 2)
            # Light from other angles fills the shadow again further on.
            along = soft_step(x - begin, 60.0) * np.exp(-np.maximum(x - begin, 0) / 900)
            light[band] *= 1 - self._stripes * strength * across[:, None] * along
        return light


def soft_step(distance: NDArray[np.floating], width: float) -> Plane:
    """Return a soft step from 0 to 1 where the distance passes 0."""
    soft: Plane = (1 / (1 + np.exp(-np.clip(4 * distance / width, -30, 30)))).astype(np.float32)
    return soft


def _span(centre: float, reach: float, pixel: float, count: int) -> slice:
    """Return the pixels within reach of a centre."""
    low = min(max(int((centre - reach) / pixel), 0), count)
    high = min(max(int((centre + reach) / pixel) + 2, low), count)
    return slice(low, high)
