"""Whether an output may be written, found out before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.planes.ome_zarr.attributes import is_zarr


def check_output(
    path: Path,
    names: Sequence[str] | None,
    source: Path,
    *,
    overwrite: bool,
    as_folder: bool | None = None,
) -> None:
    """Raise CrispimError unless an output may be written.

    Parameters
    ----------
    path : Path
        The output.
    names : sequence of str or None
        The files to be written into the folder `path`; None where `path` is a file or an
        OME-Zarr.
    source : Path
        The input.
    overwrite : bool
        Whether files of the same names may be replaced.
    as_folder : bool, optional
        Whether `path` is to be a folder; by default if there are names.

    Raises
    ------
    CrispimError
        If the output is the input or lies in it, is of the other kind, exists, or
        can't be written.
    """
    _check_apart(path, names, source)
    _check_kind(path, as_file=names is None if as_folder is None else not as_folder)
    if as_folder and names is None:
        _check_zarr(path)
    _check_writable(path if names is not None else path.parent)
    if not overwrite:
        _check_new(path, names)


def _check_apart(path: Path, names: Sequence[str] | None, source: Path) -> None:
    """Refuse to write over the input or among its planes."""
    target, origin = path.resolve(), source.resolve()
    same = target == origin or (path.exists() and path.samefile(source))
    inside = source.is_dir() and origin in target.parents
    over_input = names is not None and origin.parent == target and origin.name in names
    if same or inside or over_input:
        raise CrispimError(
            f"the output '{path}' is the input '{source}' or lies in it: "
            "give an output outside of the input."
        )


def _check_kind(path: Path, *, as_file: bool) -> None:
    """Refuse a folder where a file is to be, and the other way round."""
    if as_file and path.is_dir():
        raise CrispimError(
            f"the output '{path}' is a folder although its name ends like a TIFF file's: "
            "give the name of a file, or of a folder that doesn't end in .tif."
        )
    if not as_file and path.exists() and not path.is_dir():
        raise CrispimError(
            f"the output '{path}' is a file where a folder is needed: "
            "give a folder, or a name that ends in .tif for a stack."
        )


def _check_zarr(path: Path) -> None:
    """Refuse to replace a folder of other things by an OME-Zarr."""
    if path.is_dir() and not is_zarr(path):
        raise CrispimError(
            f"the output '{path}' is a folder of other files where an OME-Zarr is to be: "
            "give another output."
        )


def _check_writable(folder: Path) -> None:
    """Refuse a folder that can't be made or written into."""
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise CrispimError(
            f"the output needs a folder '{folder}' but '{nearest}' is a file: give another output."
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise CrispimError(
            f"'{nearest}' can't be written for lack of permission: "
            "give yourself write access to it, or give another output."
        )


def _check_new(path: Path, names: Sequence[str] | None) -> None:
    """Refuse to replace files."""
    if names is None:
        existing = path if path.exists() else None
    else:
        present = {p.name for p in path.iterdir()} if path.is_dir() else set()
        existing = next((path / name for name in names if name in present), None)
    if existing is not None:
        raise CrispimError(
            f"'{existing}' exists already: give another output, or --overwrite to replace it."
        )
