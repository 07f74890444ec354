"""What a simulated volume can be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from crispim_ij.errors import CrispimError


@dataclass(frozen=True)
class PhantomSettings:
    """What to simulate.

    Attributes
    ----------
    shape : tuple of int
        Planes, rows and columns.
    seed : int
        The same settings give the same volume, in every pixel.
    pixel_size : float
        Of a pixel in Y and X, in micrometres.
    z_step : float
        Between planes, in micrometres.
    stripes : float
        Strength of the shadows that the light sheet casts along X: 0 for none, as after
        perfect destriping, 1 for those of a raw plane.
    sheet : float
        Standard deviation of the light sheet's profile along Z, in micrometres.
    density : float
        How many times as many cells and axons as usual.
    """

    shape: tuple[int, int, int] = (24, 800, 1000)
    seed: int = 0
    pixel_size: float = 1.8
    z_step: float = 2.0
    stripes: float = 0.5
    sheet: float = 3.2
    density: float = 1.0

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise CrispimError(
                f"a phantom can't have the shape {self.shape}: give planes, rows and columns, "
                "each at least 1."
            )
        if not (0 < self.pixel_size < 100 and 0 < self.z_step < 100):
            raise CrispimError(
                f"a phantom can't have pixels of {self.pixel_size} and planes {self.z_step} "
                "micrometres apart: give sizes above 0 and below 100."
            )
        if self.seed < 0 or not 0 <= self.stripes <= 1:
            raise CrispimError(
                f"a phantom can't have the seed {self.seed} and stripes {self.stripes}: give a "
                "seed of at least 0 and stripes from 0 to 1."
            )
        if not (0 < self.sheet < 100 and 0 <= self.density <= 10):
            raise CrispimError(
                f"a phantom can't have a sheet of {self.sheet} micrometres and a density of "
                f"{self.density}: give a sheet above 0 and below 100 and a density from 0 to 10."
            )
