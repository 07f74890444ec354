"""What preprocessing asks of ImageJ, or of this room in its place."""

from __future__ import annotations

from typing import Protocol

from crispim_ij.parity.types import Interpolation, Plane


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
