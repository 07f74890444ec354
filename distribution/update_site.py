"""Lay out what a Fiji update site serves: the macros, the toolset and the models that ship.

The updater of ImageJ2 wants each file under its name with a time behind it, and `db.xml.gz`, which
lists them. A file's checksum is the SHA-1 of its path and its content (imagej-updater,
UpdaterUtil.getDigest). Run it again into the same folder for a new version: what has not changed
keeps its time, and what has changed keeps its history, by which the updater tells an old file from
one that its user has edited.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

DATABASE = "db.xml.gz"


def main() -> None:
    """Write the site into the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="what the web server shows as the site")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        print(f"{write_site(folder, shipped_files(Path(scratch)), now)} files are new in {folder}")


def shipped_files(scratch: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield where each file belongs in a Fiji, and the file; models are exported first."""
    from crispim_ij.exporting import export_shipped
    from crispim_ij.imagej.installing import macro_files

    yield from macro_files()
    yield from export_shipped(scratch)


def write_site(folder: Path, files: Iterable[tuple[PurePosixPath, Path]], now: str) -> int:
    """Copy files that are new and list all; return how many are new.

    Parameters
    ----------
    folder : Path
        The site, which may hold an earlier version.
    files : iterable of (PurePosixPath, Path)
        Places below a Fiji's folder, and the files that belong there.
    now : str
        The time as YYYYMMDDhhmmss.

    Returns
    -------
    int
        Files that were copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old, new = _read(folder / DATABASE), ET.Element("pluginRecords")
    copied = 0
    for place, file in files:
        record = old.pop(str(place), None)
        entry = ET.SubElement(new, "plugin", filename=str(place))
        digest = checksum(place, file)
        current = None if record is None else record.find("version")
        if record is not None and current is not None and current.get("checksum") == digest:
            entry.extend(record)
            continue
        size = str(file.stat().st_size)
        ET.SubElement(entry, "version", checksum=digest, timestamp=now, filesize=size)
        _keep_history(entry, record, now)
        target = folder / f"{place}-{now}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        copied += 1
    for place, record in old.items():
        _keep_history(ET.SubElement(new, "plugin", filename=place), record, now)
    ET.indent(new)
    text = ET.tostring(new, encoding="UTF-8", xml_declaration=True)
    (folder / DATABASE).write_bytes(gzip.compress(text, mtime=0))
    return copied


def checksum(place: PurePosixPath, file: Path) -> str:
    """Return the checksum by which the updater knows a file that is no jar."""
    content = str(place).encode("ascii") + file.read_bytes()
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _read(database: Path) -> dict[str, ET.Element]:
    """Return what an earlier version listed, by place."""
    if not database.exists():
        return {}
    root = ET.fromstring(gzip.decompress(database.read_bytes()))  # noqa: S314 - our own file
    return {entry.get("filename", ""): entry for entry in root}


def _keep_history(entry: ET.Element, record: ET.Element | None, now: str) -> None:
    """Add the versions that a file had before."""
    for version in record if record is not None else ():
        before = {key: version.get(key, "") for key in ("checksum", "timestamp")}
        gone = version.get("timestamp-obsolete", now)
        ET.SubElement(entry, "previous-version", {**before, "timestamp-obsolete": gone})


if __name__ == "__main__":
    main()
