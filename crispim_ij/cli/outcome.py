"""What a run takes and writes, as `--json` and `--dry-run` tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crispim_ij.cli.console import console, print_json
from crispim_ij.planes import SinkSettings, Source, free_space

if TYPE_CHECKING:
    from crispim_ij.training.stacks import Planes

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
        "free": free_space(path),
    }


def print_dry_run(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what a run would do.

    Parameters
    ----------
    facts : mapping
        ``inputs``, or one ``input``, of `planes_facts`; ``outputs`` with their ``path``,
        ``bytes`` and ``free``; ``model`` and others that say how.
    as_json : bool
        Whether for scripts.
    """
    if as_json:
        print_json(facts)
        return
    outputs = facts["outputs"]
    for one in facts.get("inputs") or [facts["input"]]:
        _say(f"Would read {_in_words(one)}, from {one['path']}")
    for one in outputs:
        what = _in_words(one) if "planes" in one else "a model"
        _say(f"Would write {what}, to {one['path']}")
    _say(f"Disk: {_disk_in_words(outputs)}")
    for name in ("model", "engine", "network"):
        if name in facts:
            _say(f"{name.capitalize()}: {', '.join(f'{k} {v}' for k, v in facts[name].items())}")
    _say("Nothing was written.")


def _say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, soft_wrap=True, markup=False)


def _in_words(facts: dict[str, Any]) -> str:
    """Say which planes there are, of `planes_facts` or `output_facts`."""
    planes = f"{facts['planes']} plane{'s' * (facts['planes'] != 1)}"
    return f"{planes} of {facts['columns']} x {facts['rows']} px, {facts['type']}"


def _disk_in_words(outputs: Sequence[dict[str, Any]]) -> str:
    """Say how much disk outputs need, in sum, and whether there is as much."""
    needed = sum(output["bytes"] for output in outputs)
    free = min(output["free"] for output in outputs)
    says = f"at most {needed / 1e9:.3g} GB are needed; {free / 1e9:.3g} GB are free"
    return says + (", which is too little" if needed > free else "")
