"""`crispim-ij --version`."""

from __future__ import annotations

import platform

import typer

from crispim_ij.machine import installed_versions
from crispim_ij.parity import IMAGEJ_VERSION

_PACKAGES = ("tensorflow", "keras", "numpy", "tifffile", "zarr", "pyimagej", "scyjava")


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    own, *others = installed_versions(*_PACKAGES).items()
    found = {
        **dict([own]),
        "Python": platform.python_version(),
        **dict(others),
        "ImageJ": IMAGEJ_VERSION,
    }
    return {name: version or "not installed" for name, version in found.items()}


def print_version(wanted: bool) -> None:
    """Print the versions, crispim-ij's own first, and end."""
    if wanted:
        for name, found in versions().items():
            typer.echo(f"{name} {found}")
        raise typer.Exit
