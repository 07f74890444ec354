r"""Noisy planes as pairs of independent noises: to learn from, and to estimate errors by.

Recorrupted-to-Recorrupted [1]_: of a noisy y, whose noise has the standard deviation s, and normal
noise z of one's own,

.. math:: y + a s z \quad\text{and}\quad y - s z / a

have noises that are independent of one another. So a denoiser f that is given the first is as far
from the second as from the clean plane, but for the noise of the second. Each z is used twice, once
with the opposite sign; what is then left of

.. math:: |f(y + a s z) - (y - s z / a)|^2 - s^2 z^2 / a^2 - s^2

is, in the mean, the squared error of f at noise that is stronger by :math:`\sqrt{1 + a^2}`. As a
becomes 0 it is Stein's unbiased estimate with a random probe [2]_, but it holds at any a, also for
denoisers that jump.

Of a mini-stack only the plane to predict gets z. The noise of its neighbours has nothing to do with
its own, so the pair's noises stay independent, and neighbours are as they will be. That fails for
planes that were interpolated along Z, which share noise.

References
----------
.. [1] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep
   learning for image denoising", CVPR 2021
.. [2] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of regularization
   parameters for general denoising algorithms", IEEE Transactions on Image Processing 17 (2008)
   1540-1554, doi:10.1109/TIP.2008.2001404
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.camera import CameraNoise
from crispim_ij.noise.pairs import filled

if TYPE_CHECKING:
    from crispim_ij.noise.grain import Grain

Counts = NDArray[np.float32]
Pair = tuple[Counts, Counts]

PROBE = 0.1
"""The factor a where errors are estimated: so small that it is hardly more noise."""

SMOOTHING = 7
"""Side, in px, of the window whose mean tells a pixel's noise."""

_LEAST = 0.01  # of a plane's mean variance: where there is no noise at all, none can be drawn
_BLOCK = 16  # px: errors of blocks of that side are independent of one another, but for lines


def recorrupt(
    planes: Counts,
    camera: CameraNoise,
    strength: float,
    rng: np.random.Generator,
    grain: Grain | None = None,
) -> tuple[Pair, Pair]:
    """Make two pairs out of a noisy mini-stack, with the same noise of opposite signs.

    The noise of the two targets cancels in the gradient, but for what a network makes of the
    difference between the two inputs. So `strength` may be small, and the network sees in training
    almost the very noise that it is to remove.

    Parameters
    ----------
    planes : ndarray of float32, shape (depth, Y, X)
        Noisy counts. Only the plane to predict, at ``depth // 2``, gets more noise, and with it
        its own copies, which stand for neighbours beyond a stack's end: that of its neighbours
        is independent of its own already.
    camera : CameraNoise
        What noise the planes have.
    strength : float
        The factor a of this module.
    rng : Generator
        Draws z.
    grain : Grain, optional
        How pixels share the planes' noise, which z must have as well; None for white noise.

    Returns
    -------
    tuple of tuple of ndarray
        Input, of the shape of `planes`, and target, (Y, X), for z and for -z.
    """
    centre = planes[len(planes) // 2]
    sd = np.sqrt(variance_of(centre, camera), dtype=np.float32)
    rows, columns = centre.shape
    if grain is None:
        noise = sd * rng.standard_normal(centre.shape, np.float32)
    else:
        noise = sd * grain.draw((rows, columns), rng)
    return _pair(planes, strength * noise, noise / strength), _pair(
        planes, -strength * noise, -noise / strength
    )


def noise_in_pairs(given: Counts, target: Counts, strength: float) -> float:
    """Return what the noise of targets adds to the mean squared error of a denoiser.

    Parameters
    ----------
    given, target : ndarray
        Inputs and targets of `recorrupt`, of one shape: of mini-stacks the plane to predict.
    strength : float
        The factor a of this module.

    Returns
    -------
    float
        Mean of :math:`s^2 z^2 / a^2 + s^2 z^2`, in counts squared or whatever the planes are in.
    """
    difference = np.subtract(given, target, dtype=np.float64)  # which is s z (a + 1 / a)
    return float(np.mean(difference**2)) / (1 + strength**2)


def own_noise(in_pairs: float, strength: float) -> float:
    """Return the planes' own mean variance, of what `noise_in_pairs` returned."""
    return in_pairs * strength**2 / (1 + strength**2)


def root(squared: float) -> float:
    """Return the root of a mean squared error, 0 for one that was estimated to be below 0."""
    return math.sqrt(max(squared, 0.0))


@dataclass(frozen=True)
class Risk:
    """The error of a denoiser against the clean plane, estimated on noisy ones.

    Attributes
    ----------
    squared : float
        Mean squared error, in counts squared; below 0 where it is smaller than can be told.
    doubt : float
        Standard error of `squared`, for a noise that is known.
    noise : float
        Mean variance of the noise, in counts squared: the error of doing nothing.
    """

    squared: float
    doubt: float
    noise: float

    @property
    def error(self) -> float:
        """The root mean square error, in counts."""
        return root(self.squared)

    @property
    def is_below_zero(self) -> bool:
        """Whether it came out below 0 by more than chance: the noise is weaker than is told."""
        return self.squared + 2 * self.doubt < 0

    @property
    def noise_sd(self) -> float:
        """The root mean square of the noise, in counts."""
        return math.sqrt(self.noise)

    @property
    def range(self) -> tuple[float, float]:
        """Root mean square errors, in counts, between which it lies in 19 of 20 cases."""
        return root(self.squared - 2 * self.doubt), root(self.squared + 2 * self.doubt)


def estimate_risk(
    planes: NDArray[Any],
    denoise: Callable[[Counts], NDArray[Any]],
    camera: CameraNoise,
    rng: np.random.Generator,
    grain: Grain | None = None,
) -> Risk:
    """Estimate how far a denoiser's result is from the clean plane, which nobody has.

    Parameters
    ----------
    planes : ndarray, shape (Y, X) or (depth, Y, X)
        Noisy counts; of several planes that at ``depth // 2`` is denoised.
    denoise : callable
        Takes planes of that shape, as float32, and returns a (Y, X) plane. It is called twice.
    camera : CameraNoise
        The planes' noise, all of it. An sd that is 1 % too large makes the squared error smaller
        by 2 % of the noise's variance.
    rng : Generator
        Draws the probe.
    grain : Grain, optional
        How pixels share the noise, at unit variance, see `crispim_ij.noise.grain`; None for white
        noise.

    Returns
    -------
    Risk
        Root mean square error in counts, of the pixels that have noise, and how sure it is.
    """
    noisy = np.asarray(planes, np.float32)
    stack = noisy[np.newaxis] if noisy.ndim == 2 else noisy
    centre = stack[len(stack) // 2]
    variance = variance_of(centre, camera)
    errors = np.zeros(centre.shape)
    for given, target in recorrupt(stack, camera, PROBE, rng, grain):
        result = np.asarray(denoise(given if noisy.ndim == 3 else given[0]), np.float64)
        errors += ((result - target) ** 2 - (centre - target).astype(np.float64) ** 2) / 2
    share = np.count_nonzero(variance) / variance.size or 1.0
    errors = (errors - variance) / share
    doubt = math.hypot(*(_doubt(errors, *size) for size in _independent(centre.shape, grain)))
    return Risk(float(errors.mean()), doubt, float(variance.mean()) / share)


def join_risks(risks: Sequence[Risk]) -> Risk:
    """Return the risk over several planes of one size."""
    return Risk(
        squared=float(np.mean([risk.squared for risk in risks])),
        doubt=math.hypot(*(risk.doubt for risk in risks)) / len(risks),
        noise=float(np.mean([risk.noise for risk in risks])),
    )


def variance_of(noisy: Counts, camera: CameraNoise) -> NDArray[np.float64]:
    """Return the variance of the noise of each pixel of a noisy plane, in counts squared.

    It is 0 where the plane is filled or clipped, so that nothing is drawn there, and nothing taken
    for noise.
    """
    from scipy.ndimage import uniform_filter

    # Of a mean over 49 px a pixel's own noise is so small a part that s z stays independent of it.
    found = camera.variance(uniform_filter(noisy, SMOOTHING))
    variance: NDArray[np.float64] = np.maximum(found, _LEAST * found.mean())
    variance[filled(noisy)] = 0
    return variance


def _pair(planes: Counts, added: Counts, taken: Counts) -> Pair:
    centre = planes[len(planes) // 2]
    given = planes.copy()
    for plane, own in zip(given, planes, strict=True):
        if np.array_equal(own, centre):
            plane += added
    return given, centre - taken


def _independent(shape: tuple[int, ...], grain: Grain | None) -> list[tuple[int, int]]:
    """Return sizes of blocks whose errors are independent: as long as lines that share noise."""
    height, width = shape
    rows = [(_BLOCK, width)] if grain is not None and grain.rows.any() else []
    columns = [(height, _BLOCK)] if grain is not None and grain.columns.any() else []
    return rows + columns or [(_BLOCK, _BLOCK)]


def _doubt(values: NDArray[np.float64], height: int, width: int) -> float:
    """Return the standard error of a mean, by blocks of a size."""
    blocks = _block_means(values, height, width)
    return float(np.std(blocks)) / math.sqrt(blocks.size)


def _block_means(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Return the means of blocks, of the whole where it is smaller than one."""
    rows, columns = values.shape[0] // height, values.shape[1] // width
    if not rows * columns:
        return np.full((1, 1), values.mean())
    whole = values[: rows * height, : columns * width]
    means: NDArray[np.float64] = whole.reshape(rows, height, columns, width).mean((1, 3))
    return means
