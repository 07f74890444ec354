"""Versions of what is installed, none of which is imported for that."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from crispim_ij import __version__


def installed_versions(*packages: str) -> dict[str, str | None]:
    """Return crispim-ij's own version and those of packages, None for what isn't installed."""
    return {"crispim-ij": __version__, **{name: version_of(name) for name in packages}}


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package, None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
