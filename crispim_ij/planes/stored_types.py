"""Pixels of types that are stored but not worked on: given as float32 where nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import checked
from crispim_ij.planes.pixels import READ_AS_FLOAT32, loses_detail


def read_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that planes of a stored type are given in."""
    return np.dtype(np.float32) if dtype in READ_AS_FLOAT32 else dtype


def said_type(path: Path, dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Say where planes are given in another type than they are stored in."""
    if dtype not in READ_AS_FLOAT32:
        return ()
    return (f"The pixels of '{path}' are {dtype}: they are read as float32.",)


def as_read(
    pixels: NDArray[Any], shape: tuple[int, ...], stored: np.dtype[Any], where: str
) -> NDArray[Any]:
    """Return pixels that are what the header said, in the type that they are given in."""
    plane = checked(pixels, shape, stored, where)
    if stored not in READ_AS_FLOAT32:
        return plane
    with np.errstate(over="ignore"):
        given = plane.astype(np.float32)
    if loses_detail(plane, given):
        raise CrispimError(
            f"{where} holds {stored} values that float32 would change by more than half their "
            "noise: subtract a constant, or save it as uint16, with the program that it comes from."
        )
    return given
