"""What CSBDeep's plugin has left on this machine: its stored model, and unpacked models."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

PREFERENCE = "GenericNetwork_modelfile"
"""Key under which the plugin stores the model file of its last run."""

_NODE = "de/csbdresden/csbdeep/commands/GenericNetwork"
# What a graph holds whose weights are in files of their own.
_VARIABLES = (b"VarHandleOp", b"VariableV2")


def stored_model(home: Path, system: str = sys.platform) -> str | None:
    """Return the model file that the plugin takes in place of the one it is given.

    Parameters
    ----------
    home : Path
        The user's home folder.
    system : str
        As `sys.platform` names it. Where it isn't Linux, Java keeps preferences out of
        the reach of other programs.

    Returns
    -------
    str or None
        The path, or None where none is stored or it can't be seen.
    """
    if not system.startswith("linux"):
        return None
    try:
        text = (home / ".java/.userPrefs" / _NODE / "prefs.xml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    entry = re.search(rf'<entry key="{PREFERENCE}" value="([^"]*)"', text)
    return html.unescape(entry[1]) if entry and entry[1] else None


def unpacked_models(fiji: Path) -> list[Path]:
    """Return the folders that the plugin has unpacked models into."""
    return sorted(path for path in (fiji / "models").glob("GenericNetwork_*") if path.is_dir())


def is_broken(unpacked: Path) -> bool:
    """Tell whether a folder lacks a part of the model, which it then does for good.

    Parameters
    ----------
    unpacked : Path
        A folder of `unpacked_models`.

    Returns
    -------
    bool
        Whether the graph is missing, or its weights where they aren't in the graph.
    """
    try:
        graph = (unpacked / "saved_model.pb").read_bytes()
    except OSError:
        return True
    has_variables = any(name in graph for name in _VARIABLES)
    return has_variables and not (unpacked / "variables" / "variables.index").is_file()
