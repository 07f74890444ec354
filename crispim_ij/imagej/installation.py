"""A Fiji that is installed, as its file names tell it; nothing is started."""

from __future__ import annotations

import gzip
import logging
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crispim_ij.errors import CrispimError

logger = logging.getLogger(__name__)

_JAR = re.compile(r"(?P<artifact>.+?)(?:-(?P<version>\d[\w.+-]*))?\.jar")
_ACTIVE_SITE = re.compile(rb'<update-site\s[^<>]*?name="([^"<]+)"')
_MOST_BYTES = 2**28
_X86_64 = {"x86_64", "amd64"}
_SYSTEMS = {"darwin": "macos", "win32": "win"}
_NOTE = ".tensorflowversion"
_NEEDED = {
    "ij": "ImageJ",
    "imagej": "ImageJ2",
    "imagej-legacy": "link from ImageJ2 to the original ImageJ",
}
IMGLYB = ("imglib2-imglyb", "imglib2-unsafe")
"""Jars that pyimagej fetches over the network where a Fiji lacks them."""

_COORDINATE = r"[A-Za-z0-9_-][\w.-]+(:[\w.-]+)+"
_ENDPOINT = re.compile(rf"{_COORDINATE}(\+{_COORDINATE})*")


def check_fiji_home(home: str) -> str:
    """Refuse what can't be a Fiji, before Java starts and without a network.

    Parameters
    ----------
    home : str
        A folder, or a Maven endpoint such as ``sc.fiji:fiji:2.15.0``.

    Returns
    -------
    str
        The absolute path of the folder, or the endpoint as it was given.

    Raises
    ------
    CrispimError
        If it is neither an endpoint nor a folder with ImageJ and ImageJ2 in its
        ``jars``.
    """
    path = Path(home).expanduser()
    if _ENDPOINT.fullmatch(home) and not path.exists():
        return home
    if not path.exists():
        raise _refusal(home, "does not exist")
    if not path.is_dir():
        raise _refusal(home, "is a file")
    try:
        empty = not any(path.iterdir())
    except PermissionError as error:
        raise _refusal(home, "can't be read for lack of permission") from error
    if empty:
        raise _refusal(home, "is an empty folder")
    jars = path / "jars"
    if not jars.is_dir():
        raise _refusal(home, f"has no folder 'jars' in it{_within(path)}")
    for artifact, what in _NEEDED.items():
        if not any(jars.glob(f"{artifact}-[0-9]*.jar")):
            raise _refusal(home, f"has no {what} ({artifact}-*.jar) in its folder 'jars'")
    return str(path.resolve())


def _within(path: Path) -> str:
    """Name a Fiji that lies in the folder, where there is one."""
    inner = next((jars.parent for jars in sorted(path.glob("*/jars")) if jars.is_dir()), None)
    return f" ('{inner}' does)" if inner else ""


def _refusal(home: str, what: str) -> CrispimError:
    """Say what is wrong with a Fiji folder."""
    return CrispimError(
        f"The Fiji {home!r} (--fiji-home or CRISPIM_FIJI) {what}: name the folder that holds "
        "Fiji's 'jars' and 'plugins', or a Maven endpoint such as sc.fiji:fiji."
    )


@dataclass(frozen=True)
class Runtime:
    """A Java by its major version and the processor that it is built for, such as 'arm64'."""

    version: int
    machine: str

    @property
    def is_x86_64(self) -> bool:
        """Whether it is built for 64-bit Intel and AMD processors."""
        return self.machine.lower() in _X86_64


@dataclass(frozen=True)
class NativeTensorFlow:
    """A TensorFlow library outside of any jar, put there by Fiji's own tool.

    `folder` is what Java must be given as its library path, `version` what the tool wrote down,
    such as '1.15.0 CPU'.
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
        The versions of each artifact that its jars hold, by names in small letters such as
        'imagej-tensorflow'.
    java : Runtime or None
        The Java that came with it, where it can be told.
    native : NativeTensorFlow or None
        The TensorFlow library in its folder 'lib' for this system.
    marked : Path or None
        The folder for this system in which Fiji's own tool noted a TensorFlow that it put there,
        be the library still there or not: imagej-tensorflow clears it where none loads.
    crashed : bool
        Whether TensorFlow did not load when Fiji last tried.
    update_sites : frozenset of str
        The update sites that are turned on.
    """

    folder: Path
    jars: Mapping[str, tuple[str, ...]]
    java: Runtime | None
    native: NativeTensorFlow | None
    marked: Path | None
    crashed: bool
    update_sites: frozenset[str]

    def version(self, artifact: str) -> str | None:
        """Return the newest version of an artifact, None where there is none."""
        return self.jars[artifact][-1] if artifact in self.jars else None

    def missing(self, *artifacts: str) -> list[str]:
        """Return those of the artifacts that no jar holds."""
        return [artifact for artifact in artifacts if artifact not in self.jars]


def read_installation(folder: Path, machine: str) -> Installation:
    """Look into a Fiji's folder, for a Java of the processor that `platform.machine` names."""
    libraries = [folder / "lib" / name for name in library_folders(sys.platform, machine)]
    return Installation(
        folder=folder,
        jars=_jars(folder),
        java=_bundled_java(folder),
        native=next((found for each in libraries if (found := _native(each))), None),
        marked=_marked(folder / "lib", sys.platform),
        crashed=any((each / ".crashed").exists() for each in libraries),
        update_sites=_update_sites(folder / "db.xml.gz"),
    )


def library_folders(system: str, machine: str) -> tuple[str, ...]:
    """Return the folders of 'lib' that ImageJ's updater has had for a system, newest first."""
    name = _SYSTEMS.get(system, "linux")
    if not Runtime(0, machine).is_x86_64:
        return (f"{name}-arm64",)
    return ("macos64", "macosx") if name == "macos" else (f"{name}64",)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, so that 1.1.10 comes after 1.1.9."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _jars(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the versions of each artifact in 'jars' and 'plugins', oldest first.

    Names are in small letters: by hand a 'CSBDeep-0.6.0.jar' is put into 'plugins'.
    """
    found: dict[str, set[str]] = {}
    for place in ("jars", "plugins"):
        for path in (folder / place).rglob("*.jar"):
            name = _JAR.fullmatch(path.name)
            if name:
                artifact = name["artifact"].lower()
                found.setdefault(artifact, set()).add(name["version"] or "unknown")
    return {name: tuple(sorted(each, key=version_numbers)) for name, each in found.items()}


def _native(folder: Path) -> NativeTensorFlow | None:
    """Return the TensorFlow library of a folder."""
    if not any(folder.glob("*tensorflow_jni*")):
        return None
    try:
        noted = (folder / _NOTE).read_text(encoding="utf-8").split(",")
    except OSError:
        noted = []
    # The tool writes PLATFORM,VERSION,CPU|GPU and for a GPU its CUDA and cuDNN.
    return NativeTensorFlow(folder, " ".join(noted[1:]) if noted[2:] else "of unknown version")


def _marked(libraries: Path, system: str) -> Path | None:
    """Return the folder of a system, whatever its processor, that has the tool's note."""
    notes = sorted(libraries.glob(f"{_SYSTEMS.get(system, 'linux')}*/{_NOTE}"))
    return notes[0].parent if notes else None


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
