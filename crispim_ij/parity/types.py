"""What ImageJ's pixels, seeds and options can be."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

PLANE_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""ImageJ's grey types: 8-bit, 16-bit and 32-bit."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""The range of a Java int: of seeds, and of the pixels that a plane may have."""


class Interpolation(StrEnum):
    """ImageJ's interpolation methods."""

    NONE = "none"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
