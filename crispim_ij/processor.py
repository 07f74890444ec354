"""The processor, as far as Linux tells; nothing is known on other systems."""

from __future__ import annotations

from functools import cache
from pathlib import Path

BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Extensions that compute in bfloat16."""

_LISTING = Path("/proc/cpuinfo")


def processor_name(listing: Path = _LISTING) -> str | None:
    """Return the processor's model."""
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
