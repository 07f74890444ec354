"""What ships beside the package: macros and models."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import crispim_ij


def bundled_folder(name: str) -> Path:
    """Find 'macros' or 'models': beside the package in a checkout, inside it once installed."""
    installed = Path(str(files(crispim_ij))) / "_bundled" / name
    return installed if installed.is_dir() else installed.parents[2] / name
