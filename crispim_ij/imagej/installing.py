"""Install files into a Fiji, with a manifest, and remove just those again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.macro_files import shipped_macros, shipped_scripts
from crispim_ij.planes.atomic import make_folders, remove_folders, whole_file, write_faults

MANIFEST = "plugins/CRISPIM/crispim-ij.json"
"""What was installed, with the SHA-256 of each file, below the Fiji's folder."""

_MACROS, _TOOLSETS = PurePosixPath("plugins/CRISPIM"), PurePosixPath("macros/toolsets")
MODELS = PurePosixPath("models/CRISPIM")
_TOOLSET = "CRISPIM_Toolset"


class Outcome(StrEnum):
    """What became of a file.

    'kept' is one that is not as it was installed: it may be the user's own work.
    """

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    KEPT = "kept"
    MISSING = "missing"


@dataclass(frozen=True)
class FileChange:
    """A file of a Fiji and what became of it."""

    path: Path
    outcome: Outcome


def macro_files() -> list[tuple[PurePosixPath, Path]]:
    """Return where each macro and script that ships belongs in a Fiji, and the file itself."""
    return [
        ((_TOOLSETS if path.stem == _TOOLSET else _MACROS) / path.name, path)
        for path in (*shipped_macros(), *shipped_scripts())
    ]


def install_files(
    fiji: Path, files: Iterable[tuple[PurePosixPath, Path]], command: str = ""
) -> Iterator[FileChange]:
    """Copy files into a Fiji; a file that is the same already is left unchanged.

    The manifest is written after each file, so that an interrupted run can be uninstalled,
    too. Files that an earlier version installed and this one does not have are
    removed at the end.

    Parameters
    ----------
    fiji : Path
        The Fiji's folder.
    files : iterable of (PurePosixPath, Path)
        Places below the Fiji's folder, and the files that belong there.
    command : str
        The program that installs, which the macro CRISPIM_Denoise_CLI then finds in the manifest.

    Yields
    ------
    FileChange
        What became of each file.

    Raises
    ------
    CrispimError
        If the Fiji can't be written, or its manifest can't be read.
    """
    installed = read_manifest(fiji)
    current = set()
    for place, source in files:
        current.add(str(place))
        content = source.read_bytes()
        target = fiji / place
        outcome = _outcome(target, content, installed.get(str(place)))
        if outcome in (Outcome.INSTALLED, Outcome.UPDATED):
            make_folders(target.parent)
            with whole_file(target) as part:
                part.write_bytes(content)
        if outcome is not Outcome.KEPT:
            installed[str(place)] = _sha256(content)
            _write_manifest(fiji, installed, command)
        yield FileChange(target, outcome)
    for old in sorted(set(installed) - current):
        yield FileChange(fiji / old, _remove(fiji / old, installed.pop(old)))
    _write_manifest(fiji, installed, command)


def uninstall_files(fiji: Path) -> Iterator[FileChange]:
    """Remove what `install_files` put into a Fiji, and the folders that this empties."""
    installed = read_manifest(fiji)
    for place, sha256 in sorted(installed.items()):
        yield FileChange(fiji / place, _remove(fiji / place, sha256))
    with write_faults(fiji / MANIFEST):
        (fiji / MANIFEST).unlink(missing_ok=True)
    # Only folders of our own name: Fiji's may be empty and still be needed.
    remove_folders([fiji / _MACROS, fiji / MODELS])


def read_manifest(fiji: Path) -> dict[str, str]:
    """Return the SHA-256 of each installed file by its place below the Fiji's folder."""
    path = fiji / MANIFEST
    manifest = _manifest(path)
    files = manifest.get("files") if manifest else {}
    if not isinstance(files, dict):
        raise _unreadable(path)
    places = {str(PurePosixPath(place)): str(sha256) for place, sha256 in files.items()}
    if not all(Path(os.path.normpath(fiji / place)).is_relative_to(fiji) for place in places):
        raise _unreadable(path)
    return places


def installed_command(fiji: Path) -> str:
    """Return the program that installed the files, '' where that isn't known."""
    command = _manifest(fiji / MANIFEST).get("command", "")
    return command if isinstance(command, str) else ""


def is_as_installed(path: Path, sha256: str) -> bool:
    """Tell whether a file is there and has not been changed since it was installed."""
    try:
        return _sha256(path.read_bytes()) == sha256
    except OSError:
        return False


def _manifest(path: Path) -> dict[str, Any]:
    """Read the manifest; empty where nothing was installed."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    if not isinstance(manifest, dict) or not manifest:
        raise _unreadable(path)
    return manifest


def _unreadable(path: Path) -> CrispimError:
    """Say that the manifest is damaged."""
    return CrispimError(
        f"'{path}' can't be read as the list of what was installed: delete it, and the folders "
        "plugins/CRISPIM and models/CRISPIM of that Fiji, and install again."
    )


def _outcome(target: Path, content: bytes, sha256: str | None) -> Outcome:
    """Decide what installing a file does."""
    if not target.exists():
        return Outcome.INSTALLED
    if is_as_installed(target, _sha256(content)):
        return Outcome.UNCHANGED
    untouched = sha256 is not None and is_as_installed(target, sha256)
    return Outcome.UPDATED if untouched else Outcome.KEPT


def _remove(path: Path, sha256: str) -> Outcome:
    """Remove a file unless it has been changed."""
    if not path.exists():
        return Outcome.MISSING
    if not is_as_installed(path, sha256):
        return Outcome.KEPT
    with write_faults(path):
        path.unlink()
    return Outcome.REMOVED


def _write_manifest(fiji: Path, files: dict[str, str], command: str) -> None:
    """Write down what is installed."""
    path = fiji / MANIFEST
    make_folders(path.parent)
    manifest = {"format": 1, "command": command, "files": files}
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _sha256(content: bytes) -> str:
    """Hash bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
