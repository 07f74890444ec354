"""What the rest of the project asks of ImageJ, whichever engine answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

PLANE_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""ImageJ's grey types: 8-bit, 16-bit and 32-bit."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""The range of ImageJ's noise seeds, which are Java ints."""


class Interpolation(str, Enum):
    """ImageJ's interpolation methods."""

    NONE = "none"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


@dataclass(frozen=True)
class GatewaySettings:
    """Which ImageJ to start.

    Attributes
    ----------
    fiji_home : str, optional
        Folder of a Fiji or ImageJ2, or a Maven endpoint such as
        ``sc.fiji:fiji``. The embedded ImageJ 1.53q where it is not given.
    heap : str, optional
        Largest Java heap as Java writes it, for example ``2g`` or ``512m``.
        Java's own default (a quarter of the memory) where it is not given.

    Raises
    ------
    CrispimError
        If `heap` is not a size.
    """

    fiji_home: str | None = None
    heap: str | None = None

    def __post_init__(self) -> None:
        if self.heap is not None and not re.fullmatch(r"[1-9][0-9]*[kKmMgGtT]", self.heap):
            raise CrispimError(
                f"The heap size {self.heap!r} (--heap) is not a number with k, m, g or t after it: "
                "write for example 2g or 512m."
            )


class ImageJGateway(Protocol):
    """A running ImageJ.

    Calls from several threads are allowed; `noise` and `run_macro` each run one
    at a time, because ImageJ keeps its noise generator and its macro
    interpreter in static fields.
    """

    @property
    def version(self) -> str:
        """ImageJ's version, for example ``1.53q``."""
        ...

    @property
    def engine(self) -> str:
        """Which ImageJ this is: ``embedded``, or the folder or endpoint of a Fiji."""
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

    def run_macro(self, macro: str, argument: str = "") -> str:
        """Run a macro in ImageJ's macro language.

        Parameters
        ----------
        macro : str
            The macro's text.
        argument : str
            What the macro reads with ``getArgument()``.

        Returns
        -------
        str
            What the macro returns, or ``''``.

        Raises
        ------
        CrispimError
            If the macro does not reach its end, or ImageJ reports an error on
            the way.
        """
        ...
