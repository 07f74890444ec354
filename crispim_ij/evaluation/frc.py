"""Fourier ring correlation: up to which detail a result agrees with the clean plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 1 / 7  # the usual one for two images of which one is the reference
_TAPER = 0.25  # part of each side that the window fades


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """Correlation by spatial frequency.

    Attributes
    ----------
    frequency : ndarray of float64, shape (rings,)
        Middle of each ring, in cycles per px, up to 0.5.
    correlation : ndarray of float64, shape (rings,)
        From -1 to 1; 0 where a ring holds no power.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]


def ring_correlation(first: NDArray[Any], second: NDArray[Any]) -> RingCorrelation:
    r"""Correlate two planes ring by ring of their Fourier transforms.

    .. math:: FRC(r) = \frac{\mathrm{Re} \sum_{k \in r} A_k B_k^*}
                            {\sqrt{\sum_{k \in r} |A_k|^2 \sum_{k \in r} |B_k|^2}}

    The planes lose their mean and fade out towards their sides (a Tukey window), or the
    jump from one side to the other would correlate at all frequencies. Saxton and
    Baumeister 1982; van Heel and Schatz 2005.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    RingCorrelation
        Rings as wide as one cycle over the shorter side.
    """
    a, b = (np.fft.rfft2(_faded(plane)) for plane in (first, second))
    rows, columns = np.shape(first)
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    rings = min(rows, columns) // 2
    ring = np.rint(radius * min(rows, columns)).astype(int).ravel()

    def total(power: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(ring, power.ravel(), rings + 1).astype(np.float64, copy=False)
        return sums[1 : rings + 1]

    scale = np.sqrt(total(np.abs(a) ** 2) * total(np.abs(b) ** 2))
    shared = total((a * b.conj()).real)
    correlation = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    return RingCorrelation(np.arange(1, rings + 1) / min(rows, columns), correlation)


def cutoff_frequency(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the frequency at which two planes cease to agree.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    float
        In cycles per px: where the ring correlation, averaged over three rings, first falls
        below 1/7; 0.5, the highest there is, where it never does.
    """
    curve = ring_correlation(first, second)
    padded = np.pad(curve.correlation, 1, mode="edge")
    smooth = np.convolve(padded, np.full(3, 1 / 3), mode="valid")
    below = np.flatnonzero(smooth < THRESHOLD)
    return float(curve.frequency[below[0]]) if below.size else 0.5


def _faded(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return a plane without its mean, faded towards its sides."""
    from scipy.signal.windows import tukey

    values = np.asarray(plane, np.float64)
    rows, columns = (tukey(side, 2 * _TAPER) for side in values.shape)
    faded: NDArray[np.float64] = (values - values.mean()) * rows[:, None] * columns
    return faded
