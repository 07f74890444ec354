"""What is checked of every input and output, and the sentences for what is wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from crispim_ij.errors import CrispimError

TIFF_SUFFIXES = (".tif", ".tiff")
PNG_SUFFIX = ".png"
PLANE_SUFFIXES = (*TIFF_SUFFIXES, PNG_SUFFIX)
"""Endings of the files that a folder of planes may hold."""

ZARR_SUFFIX = ".zarr"
FILE_SUFFIXES = (
    *(PNG_SUFFIX, ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".jp2", ".svg", ".pdf", ".html"),
    *(".btf", ".tf2", ".tf8", ".lsm", ".czi", ".nd2", ".lif", ".ims", ".oib", ".oir", ".mrc"),
    *(".h5", ".hdf5", ".npy", ".npz", ".nrrd", ".nii", ".dcm", ".zip", ".gz", ".avi", ".mp4"),
)
"""Endings of files that are not written, and by which nobody calls a folder."""

MOST_PLANES = 5_000_000
"""What a file may claim to hold: each plane has a name, which takes memory."""

ZARR_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
"""The files of JSON that make a folder a Zarr."""

Fingerprint = tuple[int, int]
"""A file's size in bytes, and the time of its last change in nanoseconds."""


class DamagedError(ValueError):
    """What a file says makes no sense, and why."""


def existing(path: Path) -> Path:
    """Return `path` if there is something there, else raise CrispimError."""
    try:
        path.stat()
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise CrispimError(
            f"'{path}' does not exist: check the spelling, or give the full path."
        ) from error
    return path


def is_zarr(path: Path) -> bool:
    """Whether a path is the folder of a Zarr."""
    # Unlike Path.is_file, this takes what it may not look at for absent.
    return path.is_dir() and any(os.path.isfile(path / name) for name in ZARR_FILES)  # noqa: PTH113


def holds_png(folder: Path) -> bool:
    """Whether a folder holds PNG files and no TIFFs; hidden files don't count."""
    try:
        return are_png(file.name for file in folder.iterdir() if file.name[0] != ".")
    except PermissionError as error:
        raise unreadable(folder) from error


def are_png(names: Iterable[str]) -> bool:
    """Whether there are PNG files among these, and no TIFFs."""
    lower = [name.lower() for name in names]
    return any(name.endswith(PNG_SUFFIX) for name in lower) and not any(
        name.endswith(TIFF_SUFFIXES) for name in lower
    )


def nearest_existing(path: Path) -> Path:
    """Return a path, or the innermost of its folders that is there."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())


def free_space(path: Path) -> int:
    """Return the bytes that are free where an output is to be."""
    return shutil.disk_usage(nearest_existing(path)).free


def unreadable(path: Path) -> CrispimError:
    """Return the error for a file or folder without read permission."""
    return CrispimError(
        f"'{path}' can't be read for lack of permission: give yourself read access to it."
    )


@contextmanager
def read_faults(path: Path, where: str) -> Iterator[None]:
    """Turn what the system raises where a file is read into one sentence."""
    try:
        yield
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise CrispimError(
            f"'{path}' can't be read ({error.strerror or error}): check the drive or copy it again."
        ) from error
    except MemoryError as error:
        raise too_large(where) from error


def too_large(where: str) -> CrispimError:
    """Return the error for pixels that don't fit into memory."""
    return CrispimError(
        f"{where} needs more memory than there is: close other programs or take a larger machine, "
        "or copy the file again if its planes are not that large."
    )


def changed(where: str) -> CrispimError:
    """Return the error for a file that is not what its header said."""
    return CrispimError(f"{where} changed while it was in use: leave it alone and run again.")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, short enough for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def raised_in(library: str, error: BaseException) -> bool:
    """Whether an error comes out of a library, and not of a line of ours beside the call."""
    modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return any(module.partition(".")[0] == library for module in modules)


def check_count(planes: int, path: Path) -> None:
    """Raise CrispimError if a file claims more planes than there can be."""
    if planes > MOST_PLANES:
        raise CrispimError(
            f"'{path}' claims to hold {planes} planes, of which {MOST_PLANES} are the most that "
            "can be worked on: its description may be damaged; copy it again or save it in parts."
        )


def fingerprint(file: Path) -> Fingerprint:
    """Return what tells whether a file has changed, or raise CrispimError if it is gone."""
    try:
        status = file.stat()
    except OSError as error:
        raise CrispimError(
            f"'{file}' can't be read any more ({error.strerror}): put it back, and run again."
        ) from error
    return status.st_size, status.st_mtime_ns


def check_unchanged(file: Path, before: Fingerprint) -> None:
    """Raise CrispimError if a file that was just read is not the one whose header was checked."""
    if fingerprint(file) != before:
        raise changed(f"'{file}'")


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
    if as_folder and names is None and path.is_dir() and not is_zarr(path):
        raise CrispimError(
            f"the output '{path}' is a folder of other files where an OME-Zarr is to be: "
            "give another output."
        )
    check_writable(path if names is not None else path.parent)
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
    if not as_file and not path.exists() and path.suffix.lower() in FILE_SUFFIXES:
        raise CrispimError(
            f"the output '{path}' would be a folder, as no {path.suffix.lower()} file is written: "
            f"call it '{path.with_suffix('')}', where planes become PNGs if the input's are, or "
            "for planes give a name that ends in .tif or .zarr."
        )


def check_writable(folder: Path) -> None:
    """Refuse a folder that can't be made or written into."""
    nearest = nearest_existing(folder)
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
