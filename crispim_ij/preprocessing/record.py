"""What is written beside preprocessed planes, so that they can be made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crispim_ij import __version__
from crispim_ij.parity import Engine
from crispim_ij.planes import Source
from crispim_ij.planes.atomic import write_json
from crispim_ij.preprocessing.plane import PlaneNoise, PreprocessSettings

RECORD_NAME = "crispim-preprocess.json"


def make_record(
    source: Source,
    settings: PreprocessSettings,
    engine: Engine,
    size: tuple[int, int],
    noises: list[PlaneNoise],
) -> dict[str, Any]:
    """Gather settings, seeds, every plane's noise and ImageJ's version, JSON-ready."""
    planes = [
        {"name": name, "sd": noise.sd, "seed": noise.seed}
        for name, noise in zip(source.names, noises, strict=True)
    ]
    return {
        "crispim_ij": __version__,
        "imagej": {"version": engine.version, "engine": engine.engine},
        "input": str(source.path),
        "size": {
            "factor": settings.factor,
            "width": size[1],
            "height": size[0],
            "interpolation": settings.interpolation.value,
            "average": settings.average,
        },
        "noise": {
            "sd": list(settings.noise_sd),
            "seed": noises[0].seed,
            "seeding": "stack" if settings.seed_stack else "plane",
            "planes": planes,
        },
    }


def record_path(output: Path) -> Path:
    """Return where the record of a result, a folder or a stack file, belongs.

    It is ``crispim-preprocess.json`` in the folder, or beside the file with its name before it.
    """
    if output.is_dir():
        return output / RECORD_NAME
    return output.with_name(f"{output.name}.{RECORD_NAME}")


def write_record(record: dict[str, Any], output: Path, *, noisy: bool = True) -> Path:
    """Write a record beside a result, for clean planes without noise, and return where it is."""
    path = record_path(output)
    content = record if noisy else {**record, "noise": None}
    write_json(content, path)
    return path
