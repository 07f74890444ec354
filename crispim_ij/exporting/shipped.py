"""The models that ship, in the form in which a Fiji's menus can run them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from crispim_ij.exporting.export import ExportSettings, Format, export_model
from crispim_ij.imagej.installing import MODELS
from crispim_ij.machine import bundled_folder
from crispim_ij.models import load_model


def export_shipped(scratch: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Export the models that ship, one after another.

    A 3D model is exported for whole stacks, which is what is open in a Fiji.

    Parameters
    ----------
    scratch : Path
        Folder for the files.

    Yields
    ------
    tuple of PurePosixPath and Path
        Where each file belongs below a Fiji's folder, and the file.
    """
    for folder in sorted(path.parent for path in bundled_folder("models").glob("*/model.json")):
        model = load_model(folder)
        form = Format.CSBDEEP_STACK if model.spec.depth > 1 else Format.CSBDEEP
        path = scratch / f"{folder.name}.zip"
        yield MODELS / path.name, export_model(model, path, ExportSettings(form)).path
