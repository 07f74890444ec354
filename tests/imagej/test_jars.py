from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.jars import IMAGEJ, JARS, cache_folder, ensure_jars


def test_the_cache_is_filled_once(mirror: Path) -> None:
    first, second = ensure_jars(), ensure_jars()
    assert [cached.downloaded for cached in first] == [True] * 3
    assert [cached.downloaded for cached in second] == [False] * 3
    assert [cached.path.name for cached in first] == [
        "ij-1.53q.jar",
        "ij1-patcher-1.2.6.jar",
        "javassist-3.29.2-GA.jar",
    ]
    assert sorted(cache_folder().iterdir()) == sorted(cached.path for cached in first)


def test_a_corrupt_jar_is_fetched_anew(mirror: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = ensure_jars()[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert [cached.downloaded for cached in ensure_jars()] == [True, False, False]
    assert path.read_bytes() == whole
    assert "corrupt" in caplog.text


def test_another_file_than_the_pinned_one_is_refused(mirror: Path) -> None:
    served = next(mirror.rglob(IMAGEJ.file_name))
    served.write_bytes(b"another jar")
    with pytest.raises(CrispimError, match=r"served a ij-1\.53q\.jar with SHA-256 .* instead of"):
        ensure_jars()
    assert list(cache_folder().iterdir()) == []


def test_many_processes_fill_one_cache(mirror: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from crispim_ij.imagej.jars import ensure_jars; ensure_jars()",
    ]
    runs = [subprocess.Popen(command, env=dict(os.environ)) for _ in range(4)]
    assert [run.wait(timeout=120) for run in runs] == [0] * 4
    assert not any(cached.downloaded for cached in ensure_jars())
    assert len(list(cache_folder().iterdir())) == 3


def test_offline_with_a_cold_cache(offline: Path) -> None:
    with pytest.raises(CrispimError) as caught:
        ensure_jars()
    message = str(caught.value)
    assert all(jar.coordinate in message for jar in JARS)
    assert f"not in {offline}" in message
    assert "crispim-ij fiji fetch" in message
    assert "\n" not in message
    assert list(offline.iterdir()) == []


def test_offline_only_what_is_missing_is_listed(mirror: Path, offline: Path) -> None:
    offline.mkdir(parents=True)
    for jar in JARS[1:]:
        (offline / jar.file_name).write_bytes(next(mirror.rglob(jar.file_name)).read_bytes())
    with pytest.raises(CrispimError) as caught:
        ensure_jars()
    assert "net.imagej:ij:1.53q (ij-1.53q.jar)" in str(caught.value)
    assert "javassist" not in str(caught.value)


def test_a_copied_cache_needs_no_network(mirror: Path, request: pytest.FixtureRequest) -> None:
    filled = [cached.path for cached in ensure_jars()]
    folder = request.getfixturevalue("offline")
    assert folder == filled[0].parent
    assert [cached.downloaded for cached in ensure_jars()] == [False] * 3


def test_a_cache_that_can_not_be_written(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CRISPIM_CACHE", str(tmp_path / "file"))
    with pytest.raises(CrispimError, match=r"can't be used .* CRISPIM_CACHE"):
        ensure_jars()
