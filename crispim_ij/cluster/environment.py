"""What decides bytes on a machine."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from crispim_ij import __version__

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
    described = Path("/proc/cpuinfo")
    lines = described.read_text(errors="replace").splitlines() if described.exists() else []
    flags = next((x for x in lines if x.startswith(("flags", "Features"))), "").split()
    return " ".join([platform.machine(), *sorted({f for f in flags if f.startswith(_VECTORS)})])
