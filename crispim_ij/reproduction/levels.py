"""How bright a stack is, how noisy by itself, and the map to the paper's counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import Source
from crispim_ij.preprocessing import PreprocessSettings, target_size

PAPER_COUNTS = (100.0, 500.0)
"""Counts between which the paper's tissue mostly lies."""

_PERCENTILES = (1, 99)
_SAMPLED_PLANES = 16
_SAMPLED_PIXELS = 250_000  # of each of them, at most


@dataclass(frozen=True)
class Levels:
    """The brightness of a stack after downsampling, in its own counts.

    Attributes
    ----------
    low, high : float
        1st and 99th percentile.
    noise : float
        Standard deviation of the noise that it has by itself, estimated from the finest
        wavelets.
    """

    low: float
    high: float
    noise: float

    @property
    def relative_noise(self) -> float:
        """The noise as a share of the span from `low` to `high`."""
        return self.noise / (self.high - self.low)


@dataclass(frozen=True)
class CountMap:
    """A linear map of counts: ``offset + scale * count``, rounded and clipped to 16 bits.

    Attributes
    ----------
    scale : float
        Factor.
    offset : float
        What a count of 0 becomes.
    """

    scale: float
    offset: float

    @classmethod
    def to_paper(cls, levels: Levels) -> CountMap:
        """Return the map of a stack's percentiles to `PAPER_COUNTS`."""
        low, high = PAPER_COUNTS
        scale = (high - low) / (levels.high - levels.low)
        return cls(scale, low - scale * levels.low)

    def __call__(self, counts: NDArray[Any]) -> NDArray[np.uint16]:
        """Map counts.

        Parameters
        ----------
        counts : ndarray
            Of any numeric type and shape.

        Returns
        -------
        ndarray of uint16
            Of the same shape.
        """
        mapped = np.rint(self.offset + self.scale * np.asarray(counts, np.float64))
        return np.clip(mapped, 0, 65535).astype(np.uint16)


def measure_levels(source: Source, factor: float) -> Levels:
    """Measure a stack on planes spread over it, holding one plane at a time.

    Parameters
    ----------
    source : Source
        Clean planes.
    factor : float
        Factor by which they shrink first, as ImageJ shrinks them.

    Returns
    -------
    Levels
        Percentiles over up to 16 planes, and the median of their noise.

    Raises
    ------
    CrispimError
        If the stack is blank.
    """
    from skimage.restoration import estimate_sigma

    settings = PreprocessSettings(factor=factor)
    height, width = target_size(source.shape[1:], factor)
    engine = NativeImageJ()
    pixels, noises = [], []
    count = min(_SAMPLED_PLANES, len(source))
    for index in np.linspace(0, len(source) - 1, count).round().astype(int).tolist():
        plane = engine.resize(
            source.read(index), width, height, settings.interpolation, settings.average
        )
        pixels.append(plane.ravel()[:: -(-plane.size // _SAMPLED_PIXELS)])
        noises.append(float(estimate_sigma(plane.astype(np.float64))))
    low, high = (float(value) for value in np.percentile(np.concatenate(pixels), _PERCENTILES))
    if not low < high:
        raise CrispimError(
            f"'{source.path}' is blank: its 1st and 99th percentile are both {low:g} counts; leave "
            "it out."
        )
    return Levels(low, high, float(np.median(noises)))
