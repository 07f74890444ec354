"""What a run takes and writes, as `--json` and `--dry-run` tell it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crispim_ij.planes import SinkSettings, Source

if TYPE_CHECKING:
    from crispim_ij.training.patches import Planes

_PYRAMID = 4 / 3
"""Pixels of all resolutions, each half the one before, for one of the first."""


def planes_facts(source: Source | Planes) -> dict[str, Any]:
    """Describe the planes that are read.

    Parameters
    ----------
    source : Source or Planes
        The planes.

    Returns
    -------
    dict
        JSON-ready.
    """
    planes, rows, columns = source.shape
    return {
        "path": str(source.path),
        "planes": planes,
        "rows": rows,
        "columns": columns,
        "type": str(source.dtype),
    }


def output_facts(path: Path, source: Source, settings: SinkSettings) -> dict[str, Any]:
    """Describe the planes that are written.

    Parameters
    ----------
    path : Path
        The output.
    source : Source
        What it is made of.
    settings : SinkSettings
        How it is written.

    Returns
    -------
    dict
        JSON-ready. ``bytes``, of the pixels, is without compression.
    """
    dtype = np.dtype(settings.dtype or source.dtype)
    rows, columns = settings.plane_shape or source.shape[1:]
    levels = _PYRAMID if settings.zarr.pyramid and path.suffix.lower() == ".zarr" else 1
    return {
        **planes_facts(source),
        "path": str(path),
        "rows": rows,
        "columns": columns,
        "type": str(dtype),
        "compression": settings.compression.value,
        "bytes": round(len(source) * rows * columns * dtype.itemsize * levels),
        "free": free_bytes(path),
    }


def free_bytes(path: Path) -> int:
    """Return the bytes that are free where an output is to be."""
    nearest = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    return shutil.disk_usage(nearest).free


def in_words(facts: dict[str, Any]) -> str:
    """Say which planes there are, of `planes_facts` or `output_facts`."""
    planes = f"{facts['planes']} plane{'s' * (facts['planes'] != 1)}"
    return f"{planes} of {facts['columns']} x {facts['rows']} px, {facts['type']}"


def disk_in_words(outputs: Sequence[dict[str, Any]]) -> str:
    """Say how much disk outputs need, in sum, and whether there is as much."""
    needed = sum(output["bytes"] for output in outputs)
    free = min(output["free"] for output in outputs)
    says = f"{needed / 1e9:.3g} GB without compression; {free / 1e9:.3g} GB are free"
    return says + (", which is too little" if needed > free else "")
