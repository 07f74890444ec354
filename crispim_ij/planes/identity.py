"""Whether a file is what it was."""

from __future__ import annotations

from pathlib import Path

from crispim_ij.errors import CrispimError

Identity = tuple[int, int]
"""A file's size in bytes, and the time of its last change in nanoseconds."""


def identity(file: Path) -> Identity:
    """Return what tells whether a file has changed.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    tuple of int
        Size and time of change.

    Raises
    ------
    CrispimError
        If it is gone.
    """
    try:
        status = file.stat()
    except OSError as error:
        raise CrispimError(
            f"'{file}' can't be read any more ({error.strerror}): put it back, and run again."
        ) from error
    return status.st_size, status.st_mtime_ns


def check_unchanged(file: Path, before: Identity) -> None:
    """Refuse what was read from a file that isn't the one that was opened.

    Parameters
    ----------
    file : Path
        The file, after it was read.
    before : tuple of int
        Its `identity` when its header was checked.

    Raises
    ------
    CrispimError
        If it was replaced, written to or removed.
    """
    if identity(file) != before:
        raise changed(f"'{file}'")


def changed(where: str) -> CrispimError:
    """Return the error for a file that is not what its header said."""
    return CrispimError(f"{where} changed while it was in use: leave it alone and run again.")
