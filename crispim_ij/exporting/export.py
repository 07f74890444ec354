"""Write a model in another format, and only if it still gives the same counts."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import savedmodel
from crispim_ij.exporting.sample import TOLERANCE, counts_a_unit, keras_prediction, sample_counts
from crispim_ij.exporting.units import Units, with_noise
from crispim_ij.imagej.installing import MODELS
from crispim_ij.machine import bundled_folder
from crispim_ij.models import Model, load_model
from crispim_ij.noise import CameraNoise
from crispim_ij.planes.atomic import make_folders, partial_path, remove_folders, write_faults
from crispim_ij.planes.checks import check_writable

if TYPE_CHECKING:
    Write = Callable[[Model, Path], None]
    Predict = Callable[[Path, NDArray[np.float32]], NDArray[np.float32]]


class Format(StrEnum):
    """A format that a model can be exported to."""

    CSBDEEP = "csbdeep"
    CSBDEEP_STACK = "csbdeep-stack"
    SAVEDMODEL = "savedmodel"
    ONNX = "onnx"
    BIOIMAGEIO = "bioimageio"

    @property
    def suffix(self) -> str:
        """How the name of a file ends; empty where a folder is written."""
        return {Format.SAVEDMODEL: "", Format.ONNX: ".onnx"}.get(self, ".zip")


def format_of(out: Path) -> Format:
    """Return the format that an output's ending asks for: .zip CSBDeep's, a SavedModel's none."""
    by_suffix = {form.suffix: form for form in (Format.CSBDEEP, Format.ONNX, Format.SAVEDMODEL)}
    chosen = by_suffix.get(out.suffix.lower())
    if chosen is None:
        raise CrispimError(
            f"the output '{out}' doesn't say by its name in which format it is to be: end it in "
            ".zip (for Fiji) or .onnx, give a name without ending for a SavedModel, or say "
            "--format."
        )
    return chosen


def _functions(chosen: Format) -> tuple[Write, Predict]:
    """Return what writes a format, and what runs the result without Keras.

    The first writes to exactly the path that it is given, which isn't there yet. The second makes
    a denoised plane (Y, X) of a plane, or of a mini-stack (depth, Y, X) for a 3D model, in the
    model's `Units`.
    """
    from crispim_ij.exporting import bioimageio, csbdeep, onnx_graph

    return {
        Format.CSBDEEP: (csbdeep.write, csbdeep.predict),
        Format.CSBDEEP_STACK: (csbdeep.write_stack, csbdeep.predict_stack),
        Format.SAVEDMODEL: (savedmodel.write, savedmodel.predict),
        Format.ONNX: (onnx_graph.write, onnx_graph.predict),
        Format.BIOIMAGEIO: (bioimageio.write, bioimageio.predict),
    }[chosen]


@dataclass(frozen=True)
class ExportSettings:
    """What is written.

    Attributes
    ----------
    format : Format
        The format.
    overwrite : bool
        Whether an earlier export of the same name may be replaced.
    noise : CameraNoise or None
        What a model that is told the noise is told once and for all, so that it takes
        counts; None has it take values whose noise has an sd of 1.
    """

    format: Format = Format.CSBDEEP
    overwrite: bool = False
    noise: CameraNoise | None = None


@dataclass(frozen=True)
class Exported:
    """A written model.

    Attributes
    ----------
    path : Path
        The file, or the folder of a SavedModel.
    difference : float
        Largest difference from Keras on the sample, in counts.
    units : Units
        What it takes and gives.
    """

    path: Path
    difference: float
    units: Units


def export_model(model: Model, out: Path, settings: ExportSettings) -> Exported:
    """Write a model in another format, load it again and compare it with Keras.

    Parameters
    ----------
    model : Model
        The model.
    out : Path
        File to write, or folder for a SavedModel. It appears only when all is well.
    settings : ExportSettings
        What to write.

    Returns
    -------
    Exported
        What was written.

    Raises
    ------
    CrispimError
        If the place can't be written, the model has no such form or can't be told the
        noise, or what was written gives counts that differ by more than `TOLERANCE`.
    """
    told = with_noise(model, settings.noise)
    check_place(out, settings)
    made = make_folders(out.parent)
    try:
        with (
            write_faults(out),
            tempfile.TemporaryDirectory(
                dir=out.parent, prefix=".crispim-", suffix=".partial"
            ) as scratch,
        ):
            written = Path(scratch) / out.name
            write, _ = _functions(settings.format)
            write(told, written)
            difference = _difference(told, written, settings.format)
            _move(written, out)
    finally:
        remove_folders(made)
    return Exported(out, difference, Units.of(told))


def export_shipped(scratch: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Export the models that ship in the form in which a Fiji's menus can run them, into a folder.

    Each file comes with where it belongs below a Fiji's folder. A 3D model is exported for whole
    stacks, which is what is open in a Fiji.
    """
    for folder in sorted(path.parent for path in bundled_folder("models").glob("*/model.json")):
        model = load_model(folder)
        form = Format.CSBDEEP_STACK if model.spec.depth > 1 else Format.CSBDEEP
        path = scratch / f"{folder.name}.zip"
        yield MODELS / path.name, export_model(model, path, ExportSettings(form)).path


def check_place(out: Path, settings: ExportSettings) -> None:
    """Refuse an output whose name is taken or is no such format's, or that can't be written."""
    suffix = settings.format.suffix
    if suffix and out.suffix.lower() != suffix:
        raise CrispimError(
            f"the output '{out}' must end in {suffix} to be read as {settings.format.value}: "
            f"call it '{out.name}{suffix}'."
        )
    check_writable(out.parent)
    _check_new(out, settings)


def _check_new(out: Path, settings: ExportSettings) -> None:
    """Refuse to replace what is there unless told to, and anything but an export at all."""
    if not out.exists() and not out.is_symlink():
        return
    if settings.format.suffix and out.is_dir():
        raise CrispimError(
            f"the output '{out}' is a folder where a file is to be written: give another output."
        )
    if not settings.format.suffix and not _is_saved_model(out):
        raise CrispimError(
            f"the output '{out}' is there and is no SavedModel that could be replaced: "
            "give a folder that doesn't exist yet."
        )
    if not settings.overwrite:
        raise CrispimError(
            f"'{out}' exists already: give another output, or --overwrite to replace it."
        )


def _is_saved_model(folder: Path) -> bool:
    """Tell whether a folder holds a SavedModel and nothing of the user's."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    names = {path.name for path in folder.iterdir()}
    return "saved_model.pb" in names and names <= savedmodel.ENTRIES


def _difference(model: Model, written: Path, chosen: Format) -> float:
    """Largest difference from Keras on the sample, in counts; too large a one is an error."""
    unit = counts_a_unit(Units.of(model))
    given = sample_counts(model.spec) / np.float32(unit)
    expected = keras_prediction(model, given)
    _, predict = _functions(chosen)
    result = predict(written, given)
    same_shape = result.shape == expected.shape
    difference = unit * float(np.abs(result - expected).max()) if same_shape else math.inf
    if not difference <= TOLERANCE:
        raise CrispimError(
            f"{model.folder} exported as {chosen.value} gives counts that differ from Keras by "
            f"{difference:.2g}, more than {TOLERANCE}, so nothing was written: "
            "choose another --format."
        )
    return difference


def _move(written: Path, out: Path) -> None:
    """Give an export its own name in the place of an earlier one."""
    if not out.is_dir():
        written.replace(out)
        return
    # A folder can't be renamed over one that has files: the old one steps aside first.
    aside = partial_path(out)
    shutil.rmtree(aside, ignore_errors=True)
    out.rename(aside)
    try:
        written.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside)
