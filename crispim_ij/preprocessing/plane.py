"""How planes are downsampled and made noisy: settings, sizes, and the noise of each plane."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX, INT_MIN, PLANE_DTYPES, Engine, Interpolation, Plane
from crispim_ij.planes import Source


@dataclass(frozen=True)
class PreprocessSettings:
    """How planes are downsampled and made noisy, in that order.

    Attributes
    ----------
    factor : float
        Factor by which width and height shrink; below 1 they grow.
    interpolation : Interpolation
        ImageJ's interpolation method; its dialog's default is bilinear.
    average : bool
        ImageJ's 'Average when downsizing', which its dialog has on.
    noise_sd : tuple of float
        Lowest and highest standard deviation of the noise, in counts of the
        downsampled planes. Equal: every plane gets it. (0, 0): no noise.
    seed : int, optional
        Plane k, from 0, seeds ImageJ's generator with ``seed + k``. Drawn at
        random where it is not given.
    seed_stack : bool
        Seed once, with `seed`, and let one stream of noise run through the
        stack, as ImageJ itself does.

    Raises
    ------
    CrispimError
        If a value is out of range.
    """

    factor: float = 4.0
    interpolation: Interpolation = Interpolation.BILINEAR
    average: bool = True
    noise_sd: tuple[float, float] = (30.0, 30.0)
    seed: int | None = None
    seed_stack: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise CrispimError(
                f"The factor {self.factor} (--factor) is not a positive number: choose one, such "
                "as 4."
            )
        low, high = self.noise_sd
        if not 0 <= low <= high < math.inf:
            raise CrispimError(
                f"The noise {low:g}:{high:g} (--noise-sd) is not a standard deviation from 0 up or "
                "a range of them from low to high: write for example 30 or 30:40."
            )

    def as_options(self) -> dict[str, Any]:
        """Return the settings under the names of the command's options, JSON-ready."""
        return {
            "--factor": self.factor,
            "--interpolation": self.interpolation.value,
            "--average": self.average,
            "--noise-sd": list(self.noise_sd),
            "--seed": self.seed,
            "--seed-stack": self.seed_stack,
        }


def target_size(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return rows and columns of the downsampled planes, from those before.

    Each side is divided by the factor and rounded half up, on its own, as ImageJ's ``Scale...``
    rounds. CrispimError if a side would vanish, or a plane is more than a Java array can hold.
    """
    height, width = (math.floor(side / factor + 0.5) for side in shape)
    if min(height, width) < 1:
        raise CrispimError(
            f"Planes of {shape[1]} x {shape[0]} px have nothing left at --factor {factor:g}: "
            "choose a smaller factor."
        )
    if max(height * width, math.prod(shape)) > INT_MAX:
        raise CrispimError(
            f"Planes of {shape[1]} x {shape[0]} px at --factor {factor:g} exceed ImageJ's limit of "
            f"{INT_MAX} px a plane: crop the planes or choose another factor."
        )
    return height, width


@dataclass(frozen=True)
class PlaneNoise:
    """The noise of one plane: its sd in counts, and what seeded ImageJ's generator before it.

    The seed is None where the stream ran on from the plane before.
    """

    sd: float
    seed: int | None


def plane_noise(settings: PreprocessSettings, seed: int, index: int) -> PlaneNoise:
    """Return the noise that a plane, of an index from 0, gets by the stack's seed.

    A standard deviation from a range is uniform, rounded to 0.01 counts (what ImageJ's dialog and
    recorder hold), from NumPy's default generator seeded with ``seed + index`` modulo 2**32. So a
    plane depends on that sum alone: plane k of a stack is made again as plane 0 with ``--seed`` S +
    k.
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
    """Choose every plane's noise, by a seed that is drawn where there is none.

    CrispimError if the planes' type, the seed or the noise is out of ImageJ's range.
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
