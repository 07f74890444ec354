"""Zips whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o644


def write_archive(files: Iterable[tuple[str, bytes]], path: Path) -> None:
    """Zip files at the archive's root, without dates or owners.

    Nothing is compressed: weights hardly shrink.

    Parameters
    ----------
    files : iterable of tuple
        Name and content of each.
    path : Path
        Zip to write.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, content)
