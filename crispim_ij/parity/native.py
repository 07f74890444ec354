"""ImageJ's resizing and noise as one engine, with ImageJ's one stream of random numbers."""

from __future__ import annotations

import secrets

from crispim_ij.parity.java_random import JavaRandom
from crispim_ij.parity.noise import add_noise
from crispim_ij.parity.resize import resize, resize_part
from crispim_ij.parity.types import INT_MAX, Interpolation, Plane

IMAGEJ_VERSION = "1.53q"
"""The ImageJ whose pixels these are."""


class NativeImageJ:
    """ImageJ's arithmetic without Java.

    Calls from several threads are allowed. Where `noise` is given no seed, the
    stream of the last call runs on; such calls must come one at a time, since each
    begins where the one before ended.
    """

    def __init__(self) -> None:
        self._random = JavaRandom(secrets.randbelow(INT_MAX))

    @property
    def version(self) -> str:
        """ImageJ's version, ``1.53q``."""
        return IMAGEJ_VERSION

    @property
    def engine(self) -> str:
        """Who computes: ``native``."""
        return "native"

    def resize(
        self, plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
    ) -> Plane:
        """Resize as ``Size...`` does; see `Engine` and `crispim_ij.parity.resize`."""
        return resize(plane, width, height, interpolation, average)

    resize_part = staticmethod(resize_part)

    def noise(self, plane: Plane, sd: float, seed: int | None = None) -> Plane:
        """Add noise as ``Add Specified Noise...`` does; see `Engine` and `add_noise`."""
        random = self._random if seed is None else JavaRandom(seed)
        self._random = random
        return add_noise(plane, sd, random)
