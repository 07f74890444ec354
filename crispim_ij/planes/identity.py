"""Whether an input is what it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from crispim_ij.planes.source import Source

Identity = list[str | int]


def identities(source: Source) -> list[Identity]:
    """Return what tells whether the files of an input have changed.

    Parameters
    ----------
    source : Source
        The input.

    Returns
    -------
    list of list
        Of each file its name below the input, which may be moved as a whole, its size
        in bytes, and the time of its last change in nanoseconds.

    Raises
    ------
    CrispimError
        If one of them is gone.
    """
    return [_identity(file, source.path) for file in source.files]


def check_unchanged(source: Source, before: Sequence[Identity]) -> None:
    """Refuse a result for whose planes it can't be said which file they are of.

    Parameters
    ----------
    source : Source
        The input, at the end of the run.
    before : sequence of list
        Its `identities` at the beginning.

    Raises
    ------
    CrispimError
        Naming the first file that was replaced. One that is gone was read before.
    """
    for file, old in zip(source.files, before, strict=True):
        if file.exists() and _identity(file, source.path) != old:
            raise CrispimError(
                f"'{file}' was replaced or written to while it was in use: leave the input alone, "
                "and run again with --overwrite."
            )


def _identity(file: Path, origin: Path) -> Identity:
    """Return a file's name, size and time of change."""
    try:
        status = file.stat()
    except OSError as error:
        raise CrispimError(
            f"'{file}' can't be read any more ({error.strerror}): put it back, and run again."
        ) from error
    name = file.relative_to(origin).as_posix() if file != origin else file.name
    return [name, status.st_size, status.st_mtime_ns]
