"""Whether the inner loops can run as machine code."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def kernels() -> ModuleType | None:
    """Return `crispim_ij.parity.kernels`, or None where numba can't be imported.

    NumPy's way, taken then, gives the same bits.
    """
    try:
        from crispim_ij.parity import kernels as compiled
    except ImportError:
        return None
    return compiled
