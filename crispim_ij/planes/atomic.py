"""Files that are there whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PREFIX, _SUFFIX = ".crispim-", ".partial"
_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class PlainFile(io.FileIO):
    """A file that NumPy writes to through `write`.

    NumPy's own way into a file loses the reason of a failure, and loses the
    failure itself where it shows only when C's buffer is flushed.
    """

    def fileno(self) -> int:
        """Refuse, as a file in memory would."""
        raise io.UnsupportedOperation("fileno")


def partial_path(target: Path) -> Path:
    """Return the hidden name beside `target` under which it is written."""
    return target.with_name(f"{_PREFIX}{target.name}{_SUFFIX}")


def fresh_partial(target: Path) -> Path:
    """Return the hidden name of `target`, free of what lies there: a link is not followed."""
    part = partial_path(target)
    part.unlink(missing_ok=True)
    return part


def remove_partials(folder: Path) -> None:
    """Remove the files that a killed run left half-written in a folder."""
    for file in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        file.unlink(missing_ok=True)


def make_folders(folder: Path) -> list[Path]:
    """Create a folder and its parents; return those that were not there, outermost first."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()][::-1]
    with write_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def remove_folders(folders: list[Path]) -> None:
    """Remove folders, outermost first in the list, that nobody has put anything into."""
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def write_faults(path: Path) -> Iterator[None]:
    """Turn what the system refuses while `path` is written into one sentence."""
    try:
        yield
    except OSError as error:
        raise CrispimError(_sentence(path, error)) from error


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a hidden name to write under; the file gets its own name at the end, or goes."""
    part = partial_path(target)
    try:
        with write_faults(target):
            yield fresh_partial(target)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_csv(rows: Sequence[DataclassInstance], path: Path) -> None:
    """Write dataclasses of one class, at least one, as CSV: a row each, a column a field."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def json_ready(value: Any) -> Any:
    """Replace what JSON has no form for.

    NaN becomes null, an infinite number the text ``inf`` or ``-inf``, paths and members of an Enum
    their text; in mappings and sequences, too.
    """
    if isinstance(value, Enum):
        return json_ready(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): json_ready(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [json_ready(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def write_json(content: Any, path: Path) -> None:
    """Write what `json` can hold, replacing an older file at once."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _sentence(path: Path, error: OSError) -> str:
    """Say what kept a file from being written and what to do."""
    if error.errno in _FULL:
        return (
            f"'{path}' can't be written because no space is left there: "
            "free some, or give an output on another drive."
        )
    if error.errno in _FORBIDDEN:
        return (
            f"'{path}' can't be written for lack of permission: "
            "give yourself write access to its folder, or give another output."
        )
    if error.errno == errno.EFBIG:
        return (
            f"'{path}' is larger than its drive or your account allows a file to be: "
            "give a folder as the output to have a file per plane, or use another drive."
        )
    return (
        f"'{path}' can't be written ({error.strerror or error}): "
        "check the drive, or give another output."
    )
