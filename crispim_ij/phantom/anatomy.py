"""Cells, axons, dendrites and vessels as points in space.

Curves and bodies are kept as points, never as voxels, so that a tall stack needs little
more memory than a plane. Lengths are micrometres, brightness is in counts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = 0.8  # between the points of axons and dendrites
_VESSEL_STEP = 1.6
_FAR = 90.0  # how far outside the volume structures begin that grow into it


class Points(NamedTuple):
    """Points in order of z with a radius and a brightness each."""

    zyx: Floats
    radius: Floats
    brightness: Floats

    def near(self, z: float, reach: float) -> Points:
        """Return the points within `reach` of height `z`."""
        low, high = np.searchsorted(self.zyx[:, 0], (z - reach, z + reach))
        return Points(*(column[low:high] for column in self))


class Anatomy(NamedTuple):
    """All that is drawn into a volume."""

    cells: Points
    thin: Points
    thick: Points
    vessels: Points
    absorbers: Points


def grow(rng: np.random.Generator, size: Floats, upwards: Floats, density: float = 1.0) -> Anatomy:
    """Place cells, axons and vessels in a volume and around it.

    `size` is the volume's along Z, Y and X; apical dendrites grow `upwards`, to the brain's
    surface.
    """
    clusters = _anywhere(rng, size, 6e-9, least=4)
    bodies = _gathered(rng, _anywhere(rng, size, 9e-7 * density), clusters, share=0.7, sd=170.0)
    centres, cells = _cells(rng, bodies)
    begins = _gathered(rng, _anywhere(rng, size, 9e-7 * density), clusters, 0.5, 260.0)
    faint = _axons(rng, begins, 110.0)
    strong = _axons(rng, _anywhere(rng, size, 3.2e-7 * density), 420.0)
    puncta = _puncta(
        rng, _gathered(rng, _anywhere(rng, size, 2.5e-5 * density), clusters, 0.4, 220.0)
    )
    return Anatomy(
        cells=cells,
        thin=_merged(faint, puncta),
        thick=_merged(strong, _dendrites(rng, centres, upwards)),
        vessels=_vessels(rng, _anywhere(rng, size, 6e-7)),
        absorbers=_absorbers(rng, _anywhere(rng, size, 9e-6), size),
    )


def _anywhere(rng: np.random.Generator, size: Floats, density: float, least: int = 1) -> Floats:
    """Return uniform random places in and around a volume, so many per cubic micrometre."""
    count = max(least, rng.poisson(density * (size + 2 * _FAR).prod()))
    places: Floats = rng.uniform(-_FAR, size + _FAR, (count, 3))
    return places


def _gathered(
    rng: np.random.Generator, places: Floats, clusters: Floats, share: float, sd: float
) -> Floats:
    """Return the places with a share of them moved sideways into clusters."""
    moved: Floats = places.copy()
    chosen = np.flatnonzero(rng.random(len(places)) < share)
    centre = clusters[rng.integers(len(clusters), size=len(chosen))]
    moved[chosen, 1:] = rng.normal(centre[:, 1:], sd)
    return moved


def _cells(rng: np.random.Generator, places: Floats) -> tuple[Points, Points]:
    """Return cell bodies' centres, and the bodies as chains of balls that taper."""
    count = len(places)
    radius = rng.normal(5.6, 0.8, count).clip(3.5, 8)
    # Most labelled cells are dim: few reach the thousands.
    brightness = rng.lognormal(5.9, 1.0, count).clip(40, 4500)
    along = np.linspace(0, 1, 5)
    length = radius * rng.uniform(0.1, 1.3, count)
    chain = (
        places[:, None]
        + (along[:, None] * length[:, None, None]) * _directions(rng, count)[:, None]
    )
    taper = radius[:, None] * (1 - along * rng.uniform(0.1, 0.6, (count, 1)))
    return Points(places, radius, brightness), _points(chain, taper, brightness[:, None])


def _axons(rng: np.random.Generator, begins: Floats, brightness: float) -> Points:
    """Return axons: tortuous, beaded, of uneven brightness, fading at their ends."""
    from scipy.ndimage import gaussian_filter1d

    count, steps = len(begins), 360
    paths = _walks(rng, begins, _directions(rng, count), steps, STEP, wander=0.03)
    beads = rng.exponential(9.0, (count, steps)) * (rng.random((count, steps)) < STEP / 22)
    beads = gaussian_filter1d(beads, 1.4 / STEP, axis=1)
    uneven = np.exp(2.2 * gaussian_filter1d(rng.standard_normal((count, steps)), 12, axis=1))
    own = rng.lognormal(np.log(brightness), 0.8, (count, 1)).clip(20, 1500)
    ends = np.minimum(1, np.minimum(np.arange(steps), np.arange(steps)[::-1]) / 40)
    return _points(paths, np.zeros((1, 1)), own * ends * uneven * (0.7 + beads))


def _dendrites(rng: np.random.Generator, cells: Points, upwards: Floats) -> Points:
    """Return five tapering dendrites a cell, the first of them long and towards the surface."""
    many, steps = 5, 150
    begins = np.repeat(cells.zyx, many, axis=0)
    directions = _directions(rng, len(begins))
    directions[::many] = upwards + rng.normal(0, 0.25, (len(cells.zyx), 3))
    paths = _walks(rng, begins, directions, steps, STEP, wander=0.02)
    length = rng.uniform(12, 40, (len(begins), 1))
    length[::many] *= 2.2
    fade = np.exp(-((np.arange(steps) * STEP / length) ** 2))
    strength = np.repeat(cells.brightness, many)[:, None] * rng.uniform(0.1, 0.4, (len(begins), 1))
    return _points(paths, np.zeros((1, 1)), strength * fade)


def _puncta(rng: np.random.Generator, places: Floats) -> Points:
    """Return boutons: specks along axons too thin to be seen."""
    brightness = rng.lognormal(np.log(110.0), 1.0, len(places)).clip(0, 3000)
    return _points(places, np.zeros(1), brightness)


def _vessels(rng: np.random.Generator, begins: Floats) -> Points:
    """Return vessels that branch once; a brightness of -0.7 means a lumen 70 % darker."""
    trunk = _walks(rng, begins, _directions(rng, len(begins)), 110, _VESSEL_STEP, wander=0.022)
    radius = rng.lognormal(np.log(2.6), 0.45, len(begins)).clip(1.8, 13)
    # Labelled or autofluorescent walls shine; most vessels are just holes in the tissue.
    shining = rng.random(len(begins)) < 0.08
    bright = rng.lognormal(6.3, 0.8, len(begins)).clip(100, 4000)
    brightness = np.where(shining, bright, -rng.uniform(0.35, 0.95, len(begins)))
    fork = trunk[np.arange(len(begins)), rng.integers(20, 90, len(begins))]
    branch = _walks(rng, fork, _directions(rng, len(begins)), 60, _VESSEL_STEP, wander=0.025)
    return _merged(
        _points(trunk, radius[:, None], brightness[:, None]),
        _points(branch, radius[:, None] * 0.75, brightness[:, None]),
    )


def _absorbers(rng: np.random.Generator, places: Floats, size: Floats) -> Points:
    """Return what casts shadows along X; half of it lies before the volume."""
    places[:, 2] = 2 * places[:, 2] - size[2]
    radius = rng.lognormal(np.log(3.0), 0.5, len(places)).clip(1.8, 14)
    return _points(places, radius, rng.exponential(0.12, len(places)).clip(0, 0.5))


def _directions(rng: np.random.Generator, count: int) -> Floats:
    """Return random unit vectors."""
    vectors: Floats = rng.standard_normal((count, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _walks(
    rng: np.random.Generator,
    begins: Floats,
    directions: Floats,
    steps: int,
    step: float,
    wander: float,
) -> Floats:
    """Return curves of shape (count, steps, 3) that bend smoothly and now and then sharply."""
    heading = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    bend = np.zeros_like(heading)
    path = np.empty((len(begins), steps, 3))
    for k in range(steps):
        bend = 0.8 * bend + rng.normal(0, wander, bend.shape)
        sharp = rng.random((len(bend), 1)) < 0.008
        heading = heading + bend + sharp * rng.normal(0, 0.5, bend.shape)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        path[:, k] = heading
    curves: Floats = begins[:, None] + step * np.cumsum(path, axis=1)
    return curves


def _points(zyx: Floats, radius: NDArray[Any], brightness: NDArray[Any]) -> Points:
    """Return points in order of z from arrays that broadcast to one shape."""
    flat = zyx.reshape(-1, 3)
    order = np.argsort(flat[:, 0], kind="stable")
    columns = (np.broadcast_to(c, zyx.shape[:-1]).ravel()[order] for c in (radius, brightness))
    return Points(flat[order], *columns)


def _merged(first: Points, second: Points) -> Points:
    """Return the points of both."""
    return _points(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
