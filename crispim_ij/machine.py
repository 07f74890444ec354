"""What a run finds on its machine: the processor, what is installed, and what ships with it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import crispim_ij

BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Extensions that compute in bfloat16."""

_LISTING = Path("/proc/cpuinfo")


def processor_name(listing: Path = _LISTING) -> str | None:
    """Return the processor's model, as far as Linux tells; nothing is known on other systems."""
    return _entry(listing, "model name")


def processor_flags(listing: Path = _LISTING) -> frozenset[str]:
    """Return the names of its extensions, vector instructions among them."""
    return frozenset((_entry(listing, "flags") or _entry(listing, "Features") or "").split())


@cache
def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16, as far as the system tells."""
    return bool(processor_flags() & BFLOAT16)


def _entry(listing: Path, name: str) -> str | None:
    """Return what is said of the first core."""
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)


def installed_versions(*packages: str) -> dict[str, str | None]:
    """Return crispim-ij's own version and those of packages, None for what isn't installed."""
    return {"crispim-ij": crispim_ij.__version__, **{name: version_of(name) for name in packages}}


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package, None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def bundled_folder(name: str) -> Path:
    """Find 'macros' or 'models': beside the package in a checkout, inside it once installed."""
    installed = Path(str(files(crispim_ij))) / "_bundled" / name
    return installed if installed.is_dir() else installed.parents[2] / name
