"""`java.util.Random`, the generator of ImageJ's noise, and the logarithm that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""The range of a Java int: of seeds, and of the pixels that a plane may have."""

MULTIPLIER, INCREMENT = 0x5DEECE66D, 0xB
MASK = (1 << 48) - 1
_BLOCK = 1 << 14
PAIR_STEPS = 4
"""Steps for a candidate of a pair of Gaussians: two doubles of two steps each."""

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""ln 2 in two parts, the first with zeros in its low bits."""

COEFFICIENTS = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
"""Of the polynomial in s**2, lowest power first."""

MIDDLE, SHORT_SERIES, LONG_SERIES = 0x95F64, 0x6147A, 0x6B851
"""High words of mantissas: of sqrt(2) / 2, and of the bounds between the two formulas."""


@dataclass
class JavaRandom:
    """Java's linear congruential generator of 48 bits, as the Java API specifies it.

    ``state = (state * 0x5DEECE66D + 0xB) mod 2**48``; a draw takes the highest bits.

    Parameters
    ----------
    seed : int
        From -2**63 to 2**63 - 1. ImageJ's seeds are ints, -2**31 to 2**31 - 1.

    Attributes
    ----------
    state : int
        The 48 bits.
    pending : float or None
        The second Gaussian of a pair whose first was taken.
    """

    state: int
    pending: float | None = None

    def __init__(self, seed: int) -> None:
        self.state = (seed ^ MULTIPLIER) & MASK
        self.pending = None

    def gaussians(self, count: int) -> NDArray[np.float64]:
        """Draw from the standard normal distribution, in the order of Java's ``nextGaussian``.

        Marsaglia's polar method, with every bit of Java's: v1 and v2 are uniform in
        -1 to 1; where s = v1**2 + v2**2 is below 1 and not 0, v1 m and v2 m with
        m = sqrt(-2 log(s) / s) are the next two draws.
        """
        drawn = np.empty(count + 1)
        filled = 0
        if self.pending is not None and count:
            drawn[0], self.pending, filled = self.pending, None, 1
        while filled < count:
            pairs = self._gaussian_pairs((count - filled + 1) // 2).reshape(-1)
            drawn[filled : filled + pairs.size] = pairs
            filled += pairs.size
        if filled > count:
            self.pending = float(drawn[count])
        return drawn[:count]

    def _gaussian_pairs(self, most: int) -> NDArray[np.float64]:
        """Draw up to `most` pairs, at least none, and stop right behind the last one."""
        candidates = min(int(most * 1.3) + 8, _BLOCK // PAIR_STEPS)
        multipliers, increments = block_constants()
        steps = PAIR_STEPS * candidates
        with np.errstate(over="ignore"):
            states = multipliers[:steps] * np.uint64(self.state) + increments[:steps]
        states &= np.uint64(MASK)
        bits = states.reshape(-1, 2, 2)
        doubles = (bits[..., 0] >> np.uint64(22) << np.uint64(27)) + (bits[..., 1] >> np.uint64(21))
        v = 2.0 * (doubles * 2.0**-53) - 1.0
        s = v[:, 0] * v[:, 0] + v[:, 1] * v[:, 1]
        accepted = np.flatnonzero((s < 1.0) & (s != 0.0))[:most]
        used = candidates if accepted.size < most else int(accepted[-1]) + 1
        self.state = int(states[PAIR_STEPS * used - 1])
        s = s[accepted]
        pairs: NDArray[np.float64] = v[accepted] * np.sqrt(-2.0 * log(s) / s)[:, None]
        return pairs


def _after(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """Compose two steps of the generator."""
    return first[0] * second[0] & MASK, (first[1] * second[0] + second[1]) & MASK


@lru_cache(maxsize=1)
def block_constants() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return multipliers and increments of 1, 2, ... steps of the generator."""
    steps = [(MULTIPLIER, INCREMENT)]
    for _ in range(_BLOCK - 1):
        steps.append(_after(steps[-1], steps[0]))
    multipliers, increments = np.array(steps, np.uint64).T.copy()
    return multipliers, increments


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm, with every bit of Java's ``StrictMath.log``.

    x = 2**k (1 + f) with 1 + f from sqrt(2) / 2 to sqrt(2); then
    log(x) = k ln 2 + log(1 + f), the latter by a polynomial in s = f / (2 + f).
    The method and its constants are fdlibm's (Sun Microsystems, e_log.c), which
    Java prescribes for StrictMath. `x` is positive and finite.
    """
    subnormal = x < np.finfo(np.float64).tiny
    bits = (x * np.where(subnormal, 2.0**54, 1.0)).view(np.int64)
    high = bits >> 32
    k = (high >> 20) - 1023 - 54 * subnormal
    mantissa = high & 0xFFFFF
    upper = (mantissa + MIDDLE) & 0x100000
    k = (k + (upper >> 20)).astype(np.float64)
    bits = ((mantissa | (upper ^ 0x3FF00000)) << 32) | (bits & 0xFFFFFFFF)
    f = bits.view(np.float64) - 1.0
    near_one = (0xFFFFF & (2 + mantissa)) < 3
    return np.where(near_one, _log_near_one(f, k), _log_series(f, k, mantissa))


def _log_near_one(f: NDArray[np.float64], k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where abs(f) < 2**-20."""
    rest = f * f * (0.5 - 0.33333333333333333 * f)
    return k * LN2_HIGH - ((rest - k * LN2_LOW) - f)


def _log_series(
    f: NDArray[np.float64], k: NDArray[np.float64], mantissa: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Elsewhere, by one of two roundings of the same polynomial."""
    c = COEFFICIENTS
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (c[1] + w * (c[3] + w * c[5]))
    odd = z * (c[0] + w * (c[2] + w * (c[4] + w * c[6])))
    series = odd + even
    half_square = 0.5 * f * f
    central = k * LN2_HIGH - ((half_square - (s * (half_square + series) + k * LN2_LOW)) - f)
    outer = k * LN2_HIGH - ((s * (f - series) - k * LN2_LOW) - f)
    return np.where((mantissa - SHORT_SERIES) | (LONG_SERIES - mantissa) > 0, central, outer)
