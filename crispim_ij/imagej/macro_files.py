"""The macros that ship, and the form in which macros take their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.machine import bundled_folder

SUFFIX = ".ijm"


def shipped_macros() -> list[Path]:
    """Return the macros that ship, by name."""
    return sorted(bundled_folder("macros").glob(f"*{SUFFIX}"))


def shipped_scripts() -> list[Path]:
    """Return the scripts that the macros call, by name."""
    return sorted(bundled_folder("macros").glob("*.groovy"))


def find_macro(name: str) -> Path:
    """Find a macro by path, or one that ships by its file name, with or without '.ijm'."""
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for path in shipped_macros()}
    found = shipped.get(name.removesuffix(SUFFIX))
    if found is None:
        raise CrispimError(
            f"The macro {name!r} is neither a file nor one that ships ({', '.join(shipped)}): "
            "check the path."
        )
    return found


def read_macro(path: Path) -> str:
    """Read a macro's text in UTF-8, with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise CrispimError(
            f"The macro '{path}' can't be read ({reason}): check the file, or save it in UTF-8."
        ) from error


def macro_argument(pairs: Sequence[str]) -> str:
    """Make the argument that a CRISPIM macro reads: one KEY=VALUE a line.

    It reaches the macro as a string through ``getArgument()`` and never becomes a part
    of the macro's text, so that quotes, backslashes and brackets mean nothing in it. A line
    break or a NUL would make two arguments of one or cut it short, and is refused.
    """
    seen = set()
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if not equals or not key.isidentifier():
            raise CrispimError(
                f"The macro's argument {pair!r} is not KEY=VALUE: write for example factor=4."
            )
        if pair.splitlines() != [pair] or "\0" in pair:
            raise CrispimError(
                f"The macro's argument {key} has a line break or a NUL in its value, which a "
                "macro can't be given: leave it out, or rename the file."
            )
        if key in seen:
            raise CrispimError(f"The macro's argument {key} is given twice: leave one out.")
        seen.add(key)
    return "\n".join(pairs)
