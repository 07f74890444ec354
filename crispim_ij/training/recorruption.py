r"""Training pairs out of noisy planes alone.

Recorrupted-to-Recorrupted (Pang, Zheng, Quan and Ji, CVPR 2021): of a noisy y, whose noise
has the standard deviation s, and normal noise z of one's own,

.. math:: y + a s z \quad\text{and}\quad y - s z / a

have noises that are independent of one another, so a network that learns to make the second of
the first learns, on average, what it would from clean planes; the loss is larger by a constant.

Each z is used twice, once with the opposite sign. The noise of the two targets then cancels in the
gradient, but for what the network makes of the difference between the two inputs. So `a` may be
small, and the network sees in training almost the very noise that it is to remove.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise import CameraNoise

SMOOTHING = 7
"""Side, in px, of the window whose mean tells a pixel's noise."""

LEAST_VARIANCE = 0.25
"""Counts squared: of noise below half a count nothing can be learnt."""

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def recorrupt(
    planes: NDArray[np.float32], camera: CameraNoise, strength: float, rng: np.random.Generator
) -> tuple[Pair, Pair]:
    """Make two pairs to train on out of a noisy mini-stack.

    Parameters
    ----------
    planes : ndarray of float32, shape (depth, Y, X)
        Noisy counts. Only the plane to predict, at ``depth // 2``, gets more noise: that
        of its neighbours is independent of its own already.
    camera : CameraNoise
        What noise the planes have.
    strength : float
        The factor a above.
    rng : Generator
        Draws z.

    Returns
    -------
    tuple of tuple of ndarray
        Input, of the shape of `planes`, and target, (Y, X), for z and for -z.
    """
    from scipy.ndimage import uniform_filter

    centre = planes[len(planes) // 2]
    # Of a mean over 49 px a pixel's own noise is so small a part that s z stays independent of it.
    variance = np.maximum(camera.variance(uniform_filter(centre, SMOOTHING)), LEAST_VARIANCE)
    noise = np.sqrt(variance, dtype=np.float32) * rng.standard_normal(centre.shape, np.float32)
    return _pair(planes, strength * noise, noise / strength), _pair(
        planes, -strength * noise, -noise / strength
    )


def _pair(
    planes: NDArray[np.float32], added: NDArray[np.float32], taken: NDArray[np.float32]
) -> Pair:
    centre = len(planes) // 2
    given = planes.copy()
    given[centre] += added
    return given, planes[centre] - taken
