"""The jars of the embedded ImageJ: pinned, cached, verified at every start."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import platformdirs

from crispim_ij.errors import CrispimError

logger = logging.getLogger(__name__)

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Jar:
    """One pinned Maven artifact, with the SHA-256 of the jar as Maven Central serves it."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """The coordinate as Maven writes it: ``group:artifact:version``."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        """The jar's file name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


IMAGEJ = Jar(
    "net.imagej",
    "ij",
    "1.53q",
    "dfdc669778b74011bf9aeee4361b8c50d16d1b3fe5ef8fba54c98f2f31c466be",
)
PATCHER = Jar(
    "net.imagej",
    "ij1-patcher",
    "1.2.6",
    "f23e419d0aa70da433005a1d4250d2b139c728d7cc7a581569f406243f4b191b",
)
JAVASSIST = Jar(
    "org.javassist",
    "javassist",
    "3.29.2-GA",
    "a90ddb25135df9e57ea9bd4e224e219554929758f9bae9965f29f81d60a3293f",
)
JARS = (IMAGEJ, PATCHER, JAVASSIST)


class CachedJar(NamedTuple):
    """A jar of the cache, its SHA-256 just verified."""

    jar: Jar
    path: Path
    downloaded: bool


def cache_folder() -> Path:
    """Return ``$CRISPIM_CACHE/jars``, or ``jars`` in the user's cache folder."""
    base = os.environ.get("CRISPIM_CACHE")
    root = Path(base).expanduser() if base else platformdirs.user_cache_path("crispim-ij", False)
    return root / "jars"


def ensure_jars(jars: Sequence[Jar] = JARS) -> tuple[CachedJar, ...]:
    """Bring the cache up to date: verify every jar, fetch what is missing or corrupt.

    Downloads go through jgo, without ``mvn`` and without Java: its own
    repositories (Maven Central, unless jgo's config file says otherwise) and
    the usual proxy variables apply. Any number of processes may do this at once.

    Raises
    ------
    CrispimError
        If a jar is neither in the cache nor to be had over the network, or if
        what the network serves is not the pinned file, or if the cache can't
        be written.
    """
    folder = cache_folder()
    return tuple(_ensure(jar, folder) for jar in jars)


def _ensure(jar: Jar, folder: Path) -> CachedJar:
    """Return the cached jar, fetched first where it is missing or corrupt."""
    path = folder / jar.file_name
    try:
        if _is_intact(jar, path):
            return CachedJar(jar, path, downloaded=False)
        folder.mkdir(parents=True, exist_ok=True)
        # Within the cache folder, so that the final rename is atomic.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            fetched = _download(jar, Path(scratch), folder)
            _install(fetched, jar, path)
    except OSError as error:
        raise CrispimError(
            f"The cache folder {folder} can't be used ({error.strerror or error}): make it "
            "writable or set the variable CRISPIM_CACHE to another folder."
        ) from error
    return CachedJar(jar, path, downloaded=True)


def _install(fetched: Path, jar: Jar, path: Path) -> None:
    """Rename the fetched jar into the cache."""
    try:
        fetched.replace(path)
    except PermissionError:
        # Windows refuses to replace a jar that another process, which fetched it
        # at the same time, has already opened.
        if not _is_intact(jar, path):
            raise


def _is_intact(jar: Jar, path: Path) -> bool:
    """Tell whether the file exists and is the pinned one."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return False
    if digest != jar.sha256:
        logger.warning("%s is corrupt; it is fetched again.", path)
        return False
    return True


def _download(jar: Jar, scratch: Path, folder: Path) -> Path:
    """Download one jar into the scratch folder and verify it."""
    # jgo and requests take half a second to import, and a warm cache needs neither.
    import requests
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    context = MavenContext(
        repo_cache=scratch,
        remote_repos={"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories},
        timeout=_TIMEOUT_S,
    )
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    try:
        downloaded = Path(artifact.resolve())
    except (requests.RequestException, RuntimeError) as error:
        logger.debug("%s could not be downloaded", jar.coordinate, exc_info=True)
        raise CrispimError(_missing_message(jar, folder)) from error
    digest = hashlib.sha256(downloaded.read_bytes()).hexdigest()
    if digest != jar.sha256:
        raise CrispimError(
            f"The Maven repository served a {jar.file_name} with SHA-256 {digest} instead of "
            f"{jar.sha256}: check the mirror or proxy between this machine and Maven Central."
        )
    return Path(shutil.move(downloaded, scratch / jar.file_name))


def missing_jars(folder: Path) -> list[Jar]:
    """Return the jars that are not in a folder, or not whole; nothing is fetched."""
    return [jar for jar in JARS if not _is_intact(jar, folder / jar.file_name)]


def _missing_message(jar: Jar, folder: Path) -> str:
    """Say which jars are missing, where they belong and how to get them."""
    missing = missing_jars(folder) if jar in JARS else [jar]
    listed = ", ".join(f"{one.coordinate} ({one.file_name})" for one in missing)
    return (
        f"ImageJ's jars {listed} are not in {folder} and could not be downloaded from Maven "
        "Central: connect to the network, or run `crispim-ij fiji fetch` on a machine that has it "
        f"and copy the folder that it prints to {folder}."
    )
