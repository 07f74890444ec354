"""A package for bioimage.io and the programs that use its models."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import csbdeep, onnx_graph
from crispim_ij.exporting.archive import write_archive
from crispim_ij.exporting.bioimageio_card import documentation, licence
from crispim_ij.exporting.bioimageio_description import (
    COVER_FILE,
    DESCRIPTION_FILE,
    INPUT_FILE,
    INPUT_IMAGE,
    ONNX_FILE,
    OUTPUT_FILE,
    OUTPUT_IMAGE,
    TENSORFLOW_FILE,
    TEXT_FILE,
    describe,
)
from crispim_ij.exporting.bioimageio_sample import Sample, cover_png
from crispim_ij.exporting.export import TOLERANCE
from crispim_ij.exporting.sample import counts_a_unit
from crispim_ij.exporting.units import Units
from crispim_ij.exporting.v1_zip import read_meta
from crispim_ij.models.weights import file_sha256

if TYPE_CHECKING:
    from crispim_ij.models import Model


def write(model: Model, path: Path) -> None:
    """Write the package: description, weights in both forms, test tensors, cover and text.

    Needs no network. Equal models give equal bytes.

    Parameters
    ----------
    model : Model
        The model.
    path : Path
        Zip to write.

    Raises
    ------
    CrispimError
        If a package of the extra isn't installed or too new, or the model's card names
        a licence that bioimage.io doesn't know.
    """
    with onnx_graph.export_extra():
        import bioimageio.spec  # noqa: F401
        import onnx  # noqa: F401

    description = describe(model.spec, licence(model), Units.of(model))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_files(model, folder)
        write_description(description, folder)
        write_archive(((file.name, file.read_bytes()) for file in sorted(folder.iterdir())), path)


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a package that `write` wrote, in ONNX Runtime and in TensorFlow.

    Parameters
    ----------
    path : Path
        The package.
    counts : ndarray of float32, shape (Y, X) or (depth, Y, X)
        A plane, or a mini-stack for a 3D model.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Counts, as ONNX Runtime gives them.

    Raises
    ------
    CrispimError
        If TensorFlow's counts differ from these by more than `TOLERANCE`, or a package
        of the extra isn't installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            weights = [Path(archive.extract(name, folder)) for name in (ONNX_FILE, TENSORFLOW_FILE)]
        result = onnx_graph.predict(weights[0], counts)
        other = csbdeep.predict(weights[1], counts)
        units = Units.of_facts(read_meta(weights[1]))
    difference = counts_a_unit(units) * float(np.abs(result - other).max())
    if not difference <= TOLERANCE:
        raise CrispimError(
            f"the two weight files in {path} give counts that differ by {difference:.2g}, more "
            f"than {TOLERANCE}: export the model as onnx or savedmodel instead."
        )
    return result


def _write_files(model: Model, folder: Path) -> None:
    """Write all that the description refers to."""
    sample = Sample.of(model)
    onnx_graph.write(model, folder / ONNX_FILE)
    csbdeep.write(model, folder / TENSORFLOW_FILE)
    np.save(folder / INPUT_FILE, sample.noisy[np.newaxis, ..., np.newaxis])
    np.save(folder / OUTPUT_FILE, sample.denoised[np.newaxis, ..., np.newaxis])
    _write_image(folder / INPUT_IMAGE, sample.noisy.astype(np.uint16))
    _write_image(folder / OUTPUT_IMAGE, sample.denoised)
    (folder / COVER_FILE).write_bytes(cover_png(sample))
    (folder / TEXT_FILE).write_text(documentation(model), encoding="utf-8", newline="\n")


def _write_image(path: Path, image: NDArray[Any]) -> None:
    """Write a TIFF without a date, to look at in Fiji."""
    tifffile.imwrite(path, image, photometric="minisblack", metadata=None)


def write_description(description: dict[str, Any], folder: Path) -> None:
    """Check a description and write it beside its files, with their hashes.

    Parameters
    ----------
    description : dict
        As `describe` makes it.
    folder : Path
        Where the files are.

    Raises
    ------
    CrispimError
        If the library bioimageio.spec doesn't accept it.
    """
    from bioimageio import spec

    hashed = _with_hashes(description, folder)
    # Its checks of the files would look up URLs, and leave the files open.
    context = spec.ValidationContext(root=folder, perform_io_checks=False)
    checked = spec.build_description(hashed, context=context)
    if isinstance(checked, spec.InvalidDescr):
        reason = " ".join((checked.get_reason() or "").split())
        raise CrispimError(
            f"bioimageio.spec {spec.__version__} refuses the model's description ({reason}): "
            'run `pip install "crispim-ij[export]"` to get versions that work together.'
        )
    spec.save_bioimageio_yaml_only(hashed, folder / DESCRIPTION_FILE)


def _with_hashes(value: Any, folder: Path) -> Any:
    """Add to whatever names a file in a description its SHA-256."""
    if isinstance(value, list):
        return [_with_hashes(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _with_hashes(item, folder) for key, item in value.items()}
    return inner | {"sha256": file_sha256(folder / value["source"])} if "source" in value else inner
