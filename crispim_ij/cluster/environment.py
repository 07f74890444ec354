"""What decides bytes on a machine."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from crispim_ij import __version__
from crispim_ij.processor import processor_flags

_PACKAGES = ("numpy", "tensorflow", "keras", "tifffile", "imagecodecs", "zarr", "numcodecs")
_VECTORS = ("avx", "fma", "amx", "sve", "asimd", "neon")


@cache
def versions() -> dict[str, str | None]:
    """Return the versions of what computes and writes pixels, None for what isn't installed."""
    return {"crispim-ij": __version__, **{name: _version(name) for name in _PACKAGES}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def processor() -> str:
    """Return the kind of processor, as far as it can change the last bit of a sum.

    Returns
    -------
    str
        Architecture and, where the system tells, the vector instructions that
        convolutions are chosen by.
    """
    vectors = sorted(flag for flag in processor_flags() if flag.startswith(_VECTORS))
    return " ".join([platform.machine(), *vectors])
