"""The noise of the paper's test, or a camera's: drawn in NumPy, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise import CameraNoise, add_camera_noise


@dataclass(frozen=True)
class NoiseSettings:
    """How noisy planes are made.

    Attributes
    ----------
    sd : tuple of int
        Lowest and highest standard deviation in counts; each plane draws a whole
        number from this range, both ends included. Unused where there is a camera.
    seed : int
        With the plane's index it settles the plane's noise.
    camera : CameraNoise or None
        Whose noise is drawn; None draws Gaussian noise, as the paper's test does.
    """

    sd: tuple[float, float] = (30, 40)
    seed: int = 0
    camera: CameraNoise | None = None

    def __post_init__(self) -> None:
        low, high = self.sd
        if not (0 <= low <= high <= 65535 and float(low).is_integer() and float(high).is_integer()):
            raise CrispimError(
                f"Noise of {low:g}:{high:g} counts (--noise-sd) can't be drawn: give whole numbers "
                "from 0 to 65535, the lower one first, such as 30:40."
            )
        if self.seed < 0:
            raise CrispimError(f"The seed {self.seed} (--seed) is negative: give 0 or above.")


def noisy_plane(
    clean: NDArray[Any], index: int, settings: NoiseSettings
) -> tuple[NDArray[np.float64], int | None]:
    """Add noise to a plane as the paper's test does, or as a camera.

    Gaussian noise is added and the sum clipped to 0..65535, a camera's to the range of the
    plane's type; neither is rounded.

    Parameters
    ----------
    clean : ndarray, shape (Y, X)
        Counts.
    index : int
        The plane's index in its stack.
    settings : NoiseSettings
        Range or camera, and seed.

    Returns
    -------
    noisy : ndarray of float64, shape (Y, X)
        Counts.
    sd : int or None
        The standard deviation that was drawn; None with a camera, whose noise has another
        one in each pixel.
    """
    rng = np.random.default_rng((settings.seed, index))
    if settings.camera is not None:
        return add_camera_noise(clean, settings.camera, rng), None
    low, high = (int(value) for value in settings.sd)
    sd = int(rng.integers(low, high, endpoint=True))
    return np.clip(clean + rng.normal(0, sd, clean.shape), 0, 65535), sd
