"""What a file says of the programs that made it: one record for each job of this one.

A record is JSON: ImageJ's Info and TIFF's Software tag have a line for each, OME-XML an annotation,
OME-Zarr an attribute. It holds nothing but what decides the pixels, so that equal runs write equal
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import write_json
from crispim_ij.planes.checks import ZARR_FILES

if TYPE_CHECKING:
    from crispim_ij.planes.source import Source

Record = Mapping[str, Any]
History = tuple[Record, ...]

KEY = "crispim-ij"
"""Where records are, in every format; in a record, the version."""

FOLDER_FILE = "crispim-ij.json"
"""What a folder of planes has, beside the records in its files."""

MODEL_HASH = "the model's SHA-256"

_MOST_CHARACTERS = 10_000


def as_line(record: Record) -> str:
    """Return a record as a line of text, which ImageJ's `Property.get` finds; ASCII alone."""
    return f"{KEY}: {json.dumps(record)}"


def from_text(text: object) -> History:
    """Return the records among lines of text."""
    lines = text.splitlines() if isinstance(text, str) else []
    start = f"{KEY}: "
    return history(_parsed(line.removeprefix(start)) for line in lines if line.startswith(start))


def with_lines(text: object, records: History) -> str:
    """Return text that has a line for each record."""
    own = text if isinstance(text, str) else ""
    there = from_text(own)
    missing = [as_line(record) for record in records if record not in there]
    return "\n".join([*([own.rstrip("\n")] if own else []), *missing])


def _parsed(text: str) -> Any:
    """Return what JSON says, None where it is none or endless."""
    try:
        return json.loads(text) if len(text) <= _MOST_CHARACTERS else None
    except (ValueError, RecursionError):
        return None


def history(entries: Iterable[Any]) -> History:
    """Return the entries that are records, each once."""
    found: list[Record] = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get(KEY), str) and entry not in found:
            found.append(entry)
    return tuple(found)


def in_words(record: Record) -> str:
    """Say what made a file."""
    by = f"{record.get('command')} of crispim-ij {record[KEY]}"
    if "model" not in record:
        return by
    words = f"{by} with {record['model']} (SHA-256 {str(record.get(MODEL_HASH))[:12]}...)"
    if noise := record.get("noise"):
        told = ", ".join(map(str, noise)) if isinstance(noise, list) else str(noise)
        words += f", told the noise {told}, strength {record.get('--strength')}"
    return words


def denoised_already(*sources: Source) -> list[str]:
    """Say of which sources the planes were denoised by this program."""
    said = []
    for source in sources:
        denoised = [one for one in source.metadata.history if one.get("command") == "denoise"]
        said += [
            f"'{source.path}' was denoised already, by {in_words(record)}: give the planes as the "
            "camera took them."
            for record in denoised[-1:]
        ]
    return said


def check_older(files: Iterable[Path], output: Path) -> None:
    """Raise CrispimError where an input's file is newer than the output that was made of it."""
    candidates = (output / FOLDER_FILE, *(output / name for name in ZARR_FILES), output)
    made = next(file for file in candidates if file.is_file()).stat().st_mtime_ns
    for file in files:
        if file.stat().st_mtime_ns > made:
            raise CrispimError(
                f"'{output}' can't be resumed, since the input's file '{file.name}' has changed "
                "since: give --overwrite to start over."
            )


def folder_history(folder: Path) -> History:
    """Return what a folder of planes says of what made it, nothing where it isn't whole."""
    try:
        content = json.loads((folder / FOLDER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    entries = content.get("history") if isinstance(content, dict) else None
    return history(entries if isinstance(entries, list) else ())


def write_folder_file(folder: Path, records: History) -> None:
    """Write a folder's records as one file to read."""
    write_json({"history": list(records)}, folder / FOLDER_FILE)
