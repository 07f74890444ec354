"""What becomes of a plane, and which noise it gets."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX, INT_MIN, PLANE_DTYPES, Engine, Plane
from crispim_ij.planes import Source
from crispim_ij.preprocessing.settings import PreprocessSettings


@dataclass(frozen=True)
class PlaneNoise:
    """The noise of one plane.

    Attributes
    ----------
    sd : float
        Standard deviation in counts.
    seed : int or None
        What seeded ImageJ's generator before this plane; None where the stream
        ran on from the plane before.
    """

    sd: float
    seed: int | None


def plane_noise(settings: PreprocessSettings, seed: int, index: int) -> PlaneNoise:
    """Return the noise that a plane gets.

    A standard deviation from a range is uniform, rounded to 0.01 counts (what
    ImageJ's dialog and recorder hold), from NumPy's default generator seeded
    with ``seed + index`` modulo 2**32. So a plane depends on that sum alone: plane k
    of a stack is made again as plane 0 with ``--seed`` S + k.

    Parameters
    ----------
    settings : PreprocessSettings
        The range, and whether one stream runs through the stack.
    seed : int
        The stack's seed.
    index : int
        The plane's index, from 0.

    Returns
    -------
    PlaneNoise
        Its standard deviation and its generator's seed.
    """
    low, high = settings.noise_sd
    sd = low
    if low < high:
        drawn = np.random.default_rng((seed + index) % 2**32).uniform(low, high)
        sd = min(max(round(float(drawn), 2), low), high)
    if not settings.seed_stack:
        return PlaneNoise(sd, seed + index)
    return PlaneNoise(sd, seed if index == 0 else None)


def plan_noise(source: Source, settings: PreprocessSettings) -> list[PlaneNoise]:
    """Choose every plane's noise, refusing what ImageJ can't do.

    Parameters
    ----------
    source : Source
        Planes of uint8, uint16 or float32.
    settings : PreprocessSettings
        Range and seed; without a seed one is drawn.

    Returns
    -------
    list of PlaneNoise
        One a plane.

    Raises
    ------
    CrispimError
        If the planes' type, the seed or the noise is out of ImageJ's range.
    """
    if source.dtype not in PLANE_DTYPES:
        names = ", ".join(str(dtype) for dtype in PLANE_DTYPES)
        raise CrispimError(
            f"ImageJ can't hold the {source.dtype} planes of {source.path}: convert them to one of "
            f"{names}."
        )
    # ImageJ draws again until the sum fits the type, which would take it hours.
    most = np.iinfo(source.dtype).max if source.dtype.kind == "u" else math.inf
    if settings.noise_sd[1] > most:
        raise CrispimError(
            f"Noise of {settings.noise_sd[1]:g} counts (--noise-sd) exceeds the range of the "
            f"{source.dtype} planes of {source.path}: choose at most {most}."
        )
    count = len(source)
    last = 0 if settings.seed_stack else count - 1
    seed = secrets.randbelow(INT_MAX - last) if settings.seed is None else settings.seed
    if not INT_MIN <= seed <= INT_MAX - last:
        raise CrispimError(
            f"The seed {seed} (--seed) leads out of {INT_MIN} to {INT_MAX}, the range of ImageJ's "
            f"seeds, within {count} planes: choose one from {INT_MIN} to {INT_MAX - last}."
        )
    return [plane_noise(settings, seed, index) for index in range(count)]


def downsample(
    plane: Plane, size: tuple[int, int], settings: PreprocessSettings, engine: Engine
) -> Plane:
    """Make what ImageJ's ``Size...`` makes of a plane, of some rows and columns."""
    height, width = size
    return engine.resize(plane, width, height, settings.interpolation, settings.average)


def add_noise(plane: Plane, noise: PlaneNoise, engine: Engine) -> Plane:
    """Make what ``Add Specified Noise...`` makes of a plane, after ``random("seed", n)``."""
    return plane if noise.sd == 0 else engine.noise(plane, noise.sd, noise.seed)
