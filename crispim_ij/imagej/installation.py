"""What lies in a Fiji's folder, as its file names tell it; nothing is started."""

from __future__ import annotations

import gzip
import logging
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

_JAR = re.compile(r"(?P<artifact>.+?)(?:-(?P<version>\d[\w.+-]*))?\.jar")
_ACTIVE_SITE = re.compile(rb'<update-site\s[^<>]*?name="([^"<]+)"')
_MOST_BYTES = 2**28
_X86_64 = {"x86_64", "amd64"}


@dataclass(frozen=True)
class Runtime:
    """A Java that TensorFlow would run under.

    Attributes
    ----------
    version : int
        Its major version, such as 8 or 21.
    machine : str
        The processor that it is built for, such as 'x86_64' or 'arm64'.
    """

    version: int
    machine: str

    @property
    def is_x86_64(self) -> bool:
        """Whether it is built for 64-bit Intel and AMD processors."""
        return self.machine.lower() in _X86_64


@dataclass(frozen=True)
class NativeTensorFlow:
    """A TensorFlow library outside of any jar, put there by Fiji's own tool.

    Attributes
    ----------
    folder : Path
        What Java must be given as its library path.
    version : str
        What the tool wrote down of it, such as '1.15.0 CPU'; 'of unknown version' without.
    """

    folder: Path
    version: str


@dataclass(frozen=True)
class Installation:
    """A Fiji's folder.

    Attributes
    ----------
    folder : Path
        The folder that holds 'jars' and 'plugins'.
    jars : mapping from str to tuple of str
        The versions of each artifact that its jars hold, 'imagej-tensorflow' for example.
    java : Runtime or None
        The Java that came with it, where it can be told.
    native : NativeTensorFlow or None
        The TensorFlow library in its folder 'lib' for this system.
    crashed : bool
        Whether TensorFlow did not load when Fiji last tried.
    update_sites : frozenset of str
        The update sites that are turned on.
    """

    folder: Path
    jars: Mapping[str, tuple[str, ...]]
    java: Runtime | None
    native: NativeTensorFlow | None
    crashed: bool
    update_sites: frozenset[str]

    def version(self, artifact: str) -> str | None:
        """Return the newest version of an artifact, None where there is none."""
        return self.jars[artifact][-1] if artifact in self.jars else None


def read_installation(folder: Path, machine: str) -> Installation:
    """Look into a Fiji's folder.

    Parameters
    ----------
    folder : Path
        The folder that holds 'jars' and 'plugins'.
    machine : str
        The processor of the Java that is to run, as `platform.machine` names it.

    Returns
    -------
    Installation
        What is there.
    """
    libraries = [folder / "lib" / name for name in library_folders(sys.platform, machine)]
    return Installation(
        folder=folder,
        jars=_jars(folder),
        java=_bundled_java(folder),
        native=next((found for each in libraries if (found := _native(each))), None),
        crashed=any((each / ".crashed").exists() for each in libraries),
        update_sites=_update_sites(folder / "db.xml.gz"),
    )


def library_folders(system: str, machine: str) -> tuple[str, ...]:
    """Return the names that ImageJ's updater has had for a system, newest first.

    Parameters
    ----------
    system : str
        As `sys.platform` names it.
    machine : str
        As `platform.machine` names it.

    Returns
    -------
    tuple of str
        Folders of 'lib', such as 'linux64'.
    """
    name = {"darwin": "macos", "win32": "win"}.get(system, "linux")
    if not Runtime(0, machine).is_x86_64:
        return (f"{name}-arm64",)
    return ("macos64", "macosx") if name == "macos" else (f"{name}64",)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, so that 1.1.10 comes after 1.1.9."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _jars(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the versions of each artifact in 'jars' and 'plugins', oldest first."""
    found: dict[str, set[str]] = {}
    for place in ("jars", "plugins"):
        for path in (folder / place).rglob("*.jar"):
            name = _JAR.fullmatch(path.name)
            if name:
                found.setdefault(name["artifact"], set()).add(name["version"] or "unknown")
    return {name: tuple(sorted(each, key=version_numbers)) for name, each in found.items()}


def _native(folder: Path) -> NativeTensorFlow | None:
    """Return the TensorFlow library of a folder."""
    if not any(folder.glob("*tensorflow_jni*")):
        return None
    try:
        noted = (folder / ".tensorflowversion").read_text(encoding="utf-8").split(",")
    except OSError:
        noted = []
    # The tool writes PLATFORM,VERSION,CPU|GPU and for a GPU its CUDA and cuDNN.
    return NativeTensorFlow(folder, " ".join(noted[1:]) if noted[2:] else "of unknown version")


def _bundled_java(folder: Path) -> Runtime | None:
    """Return what the newest Java below 'java' says of itself."""
    releases = sorted((folder / "java").rglob("release"), key=lambda path: path.stat().st_mtime)
    if not releases:
        return None
    text = releases[-1].read_text(encoding="utf-8", errors="replace")
    said = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    version = re.match(r"(?:1\.)?(\d+)", said.get("JAVA_VERSION", ""))
    return Runtime(int(version[1]), said.get("OS_ARCH", "x86_64")) if version else None


def _update_sites(database: Path) -> frozenset[str]:
    """Return the names of the update sites that are turned on."""
    try:
        with gzip.open(database) as file:
            text = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return frozenset()
    except (OSError, EOFError, zlib.error):
        logger.warning("%s can't be read, so update sites are not known.", database)
        return frozenset()
    return frozenset(name.decode("utf-8", "replace") for name in _ACTIVE_SITE.findall(text))
