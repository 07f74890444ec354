"""Java's StrictMath, where NumPy's function differs from it in the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
