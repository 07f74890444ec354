"""The processor, as far as Linux tells; nothing is known on other systems."""

from __future__ import annotations

from pathlib import Path

_LISTING = Path("/proc/cpuinfo")


def processor_name(listing: Path = _LISTING) -> str | None:
    """Return the processor's model."""
    return _entry(listing, "model name")


def processor_flags(listing: Path = _LISTING) -> frozenset[str]:
    """Return the names of its extensions, vector instructions among them."""
    return frozenset((_entry(listing, "flags") or _entry(listing, "Features") or "").split())


def _entry(listing: Path, name: str) -> str | None:
    """Return what is said of the first core."""
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), None)
