r"""Counts as values whose noise has a standard deviation of 1 at any light, and back.

Where the variance is :math:`g (x - o) + r^2`, the generalised Anscombe transform [1]_

.. math:: z = \frac{2}{g} \left( \sqrt{g (x - o) + \tfrac{3}{8} g^2 + r^2} - r \right)

makes it 1, but for the faintest light. The constant :math:`2 r / g` that is subtracted here lets it
become :math:`(x - o) / r` as g becomes 0. Below the offset, where there is no light, it
continues as a straight line.

Its plain inverse would be biased, since the mean of z is not the transform of the mean:
`restore` is the closed form of the exact unbiased inverse [2]_, here with :math:`\sigma = r / g`
and :math:`D = z + 2 \sigma`,

.. math:: x = o + g \left( \tfrac{1}{4} D^2 + \tfrac{1}{4} \sqrt{\tfrac{3}{2}} D^{-1}
   - \tfrac{11}{8} D^{-2} + \tfrac{5}{8} \sqrt{\tfrac{3}{2}} D^{-3} - \tfrac{1}{8} - \sigma^2
   \right)

References
----------
.. [1] J.-L. Starck, F. Murtagh, A. Bijaoui, "Image Processing and Data Analysis", Cambridge
   University Press (1998)
.. [2] M. Makitalo, A. Foi, "Optimal inversion of the generalized Anscombe transformation for
   Poisson-Gaussian noise", IEEE Transactions on Image Processing 22 (2013) 91-103,
   doi:10.1109/TIP.2012.2202675
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise.camera import CameraNoise

Values = NDArray[np.float32]

_ROOT = float(np.sqrt(3 / 2))


def stabilise(counts: Values, noise: CameraNoise) -> Values:
    """Turn counts into values whose noise has a standard deviation of 1.

    Parameters
    ----------
    counts : ndarray of float32
        Raw counts, any shape.
    noise : CameraNoise
        Their noise; gain and read noise must not both be 0.

    Returns
    -------
    ndarray of float32
        Of the same shape, 0 where there is no light but for 3/8 of an electron.
    """
    return np.asarray(stabilised(counts, noise, np), np.float32)


def restore(values: Values, noise: CameraNoise) -> Values:
    """Turn denoised values into the counts that they are the mean of.

    Parameters
    ----------
    values : ndarray of float32
        What `stabilise` gives, without its noise.
    noise : CameraNoise
        The same as there.

    Returns
    -------
    ndarray of float32
        Counts.
    """
    return np.asarray(restored(values, noise, np), np.float32)


def stabilised(counts: Any, noise: CameraNoise, ops: Any) -> Any:
    """Write down what `stabilise` computes, for ``numpy`` or ``keras.ops`` and its symbols."""
    dark = _sd_in_the_dark(noise)
    light = counts - noise.offset
    lit = ops.maximum(light, 0.0)
    root = ops.sqrt(lit * noise.gain + dark**2)
    # (root**2 - r**2) / g, without a difference of large numbers where the gain is small.
    values = 2.0 * (lit + 0.375 * noise.gain) / (root + noise.read_noise)
    return values + ops.minimum(light, 0.0) / dark


def restored(values: Any, noise: CameraNoise, ops: Any) -> Any:
    """Write down what `restore` computes, for ``numpy`` or ``keras.ops`` and its symbols."""
    gain, read, dark = noise.gain, noise.read_noise, _sd_in_the_dark(noise)
    least = 2 * 0.375 * gain / (dark + read)
    lit = ops.maximum(values, least)
    # g D = g z + 2 r stays finite as the gain becomes 0.
    ratio = gain / (lit * gain + 2 * read)
    light = lit * (lit * (gain / 4) + read) + gain * (
        ratio * (_ROOT / 4 + ratio * (-11 / 8 + ratio * (5 / 8 * _ROOT))) - 1 / 8
    )
    below = ops.minimum(values - least, 0.0) * dark
    return light + below + noise.offset


def expected(clean: Values, noise: CameraNoise) -> Values:
    """Return the mean of the values that noisy counts are turned into.

    Parameters
    ----------
    clean : ndarray of float32
        Counts without noise.
    noise : CameraNoise
        The noise that they would have.

    Returns
    -------
    ndarray of float32
        Values that `restore` turns into `clean`, to 1e-3 of the noise.
    """
    values, unit = stabilise(clean, noise), unit_in_counts(clean, noise)
    for _ in range(5):
        values = values - (restore(values, noise) - clean) / unit
    return values


def unit_in_counts(counts: Values, noise: CameraNoise) -> Values:
    """Return how many counts a small difference of 1 between values is: about the noise's sd."""
    return np.sqrt(noise.variance(counts) + 0.375 * noise.gain**2, dtype=np.float32)


def _sd_in_the_dark(noise: CameraNoise) -> float:
    return float(np.sqrt(0.375 * noise.gain**2 + noise.read_noise**2))
