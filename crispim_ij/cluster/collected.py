"""Results that a worker sends to the client, which writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes import Sink, to_dtype

Unit = tuple[int, tuple[int, int], NDArray[Any]]
"""A plane's index, where in it pixels begin, and the pixels."""


class Collected(Sink):
    """A sink that keeps what it is given, see `crispim_ij.planes.Sink`.

    Parameters
    ----------
    unit : tuple of int
        Rows and columns of what is to be written at once.
    dtype : numpy.dtype, optional
        Pixel type in which to keep them, that of the sink in the end; by default as given.

    Attributes
    ----------
    units : list of Unit
        What was written.
    """

    in_order = False
    kept = 0

    def __init__(self, unit: tuple[int, int], dtype: np.dtype[Any] | None = None) -> None:
        self.path = Path("the worker's memory")
        self.unit = unit
        self._dtype = dtype
        self.units: list[Unit] = []

    def __enter__(self) -> Collected:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing: there is nothing to clean up."""

    def record(self, options: Mapping[str, Any]) -> None:
        """Do nothing: the client has the journal."""

    def check(self) -> None:
        """Do nothing: the client has looked at the output."""

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:  # noqa: ARG002
        """Whether a unit is finished already: the client asks for nothing that is."""
        return False

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Keep units; the sink in the end refuses values that aren't finite, and says why."""
        if self._dtype is not None and np.isfinite(pixels).all():
            pixels = to_dtype(pixels, self._dtype)
        self.units.append((index, at, np.array(pixels)))
