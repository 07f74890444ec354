"""`crispim-ij --version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from crispim_ij import __version__
from crispim_ij.parity import IMAGEJ_VERSION

_PACKAGES = ("tensorflow", "keras", "numpy", "tifffile", "zarr", "pyimagej", "scyjava")


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on, none of which is imported for that."""
    return {
        "crispim-ij": __version__,
        "Python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
        "ImageJ": IMAGEJ_VERSION,
    }


def _version(package: str) -> str:
    """Return a package's version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def print_version(wanted: bool) -> None:
    """Print the versions, crispim-ij's own first, and end."""
    if wanted:
        for name, found in versions().items():
            typer.echo(f"{name} {found}")
        raise typer.Exit
