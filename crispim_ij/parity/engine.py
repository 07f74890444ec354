"""What preprocessing asks of ImageJ, and this room's answer to it."""

from __future__ import annotations

import secrets
from typing import Protocol

from crispim_ij.parity.java_random import INT_MAX, JavaRandom
from crispim_ij.parity.noise import add_noise
from crispim_ij.parity.resize import Interpolation, Plane, resize, resize_part

IMAGEJ_VERSION = "1.53q"
"""The ImageJ whose pixels `NativeImageJ` computes."""


class Engine(Protocol):
    """ImageJ's resizing and noise, whoever computes them."""

    @property
    def version(self) -> str:
        """The ImageJ whose pixels these are, for example ``1.53q``."""
        ...

    @property
    def engine(self) -> str:
        """Who computes: ``native``, ``embedded``, or the folder or endpoint of a Fiji."""
        ...

    def resize(
        self, plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
    ) -> Plane:
        """Resize as ``Image > Adjust > Size...`` does.

        Parameters
        ----------
        plane : ndarray, shape (Y, X), uint8, uint16 or float32
            The plane.
        width, height : int
            Target size in pixels.
        interpolation : Interpolation
            ImageJ's interpolation method.
        average : bool
            ImageJ's 'Average when downsizing'.

        Returns
        -------
        ndarray, shape (height, width), dtype of `plane`
            The resized plane.
        """
        ...

    def noise(self, plane: Plane, sd: float, seed: int | None = None) -> Plane:
        """Add Gaussian noise as ``Process > Noise > Add Specified Noise...`` does.

        Parameters
        ----------
        plane : ndarray, shape (Y, X), uint8, uint16 or float32
            The plane; it is not changed.
        sd : float
            Standard deviation in counts.
        seed : int, optional
            Seeds the generator first, as the macro call ``random("seed", n)``
            does; from -2**31 to 2**31 - 1. Without it ImageJ's one generator
            runs on from the previous call, as it does from slice to slice of a
            stack.

        Returns
        -------
        ndarray, shape (Y, X), dtype of `plane`
            The noisy plane.
        """
        ...


class NativeImageJ:
    """ImageJ's arithmetic without Java, with ImageJ's one stream of random numbers.

    Calls from several threads are allowed. Where `noise` is given no seed, the stream of the
    last call runs on; such calls must come one at a time, since each begins where the one
    before ended.
    """

    version = IMAGEJ_VERSION
    engine = "native"

    def __init__(self) -> None:
        self._random = JavaRandom(secrets.randbelow(INT_MAX))

    def resize(
        self, plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
    ) -> Plane:
        """Resize as ``Size...`` does; see `crispim_ij.parity.resize`."""
        return resize(plane, width, height, interpolation, average)

    resize_part = staticmethod(resize_part)

    def noise(self, plane: Plane, sd: float, seed: int | None = None) -> Plane:
        """Add noise as ``Add Specified Noise...`` does; see `add_noise`."""
        random = self._random if seed is None else JavaRandom(seed)
        self._random = random
        return add_noise(plane, sd, random)
