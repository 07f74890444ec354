"""How planes are preprocessed, and what size they become."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX, Interpolation


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
    """Return the size of the downsampled planes.

    Each side is divided by the factor and rounded half up, on its own, as
    ImageJ's ``Scale...`` rounds.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    factor : float
        Factor by which they shrink.

    Returns
    -------
    tuple of int
        Rows and columns.

    Raises
    ------
    CrispimError
        If a side would vanish, or a plane is more than a Java array can hold.
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
