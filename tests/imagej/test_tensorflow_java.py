from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.installation import Runtime, read_installation
from crispim_ij.imagej.tensorflow_java import (
    Fault,
    library_loss,
    refuse_library_loss,
    tensorflow_fault,
)
from tests.imagej.fiji_folder import CSBDEEP, FIJI, add_native, make_fiji, replaced

JAVA_8, JAVA_21 = Runtime(8, "x86_64"), Runtime(21, "x86_64")


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="loads a .so")


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def fault(fiji: Path, java: Runtime) -> Fault | None:
    return tensorflow_fault(read_installation(fiji, java.machine), java)


@pytest.mark.parametrize("java", [JAVA_8, JAVA_21])
def test_an_up_to_date_fiji_loads(tmp_path: Path, java: Runtime) -> None:
    assert fault(make_fiji(tmp_path, *FIJI, *CSBDEEP), java) is None


@pytest.mark.parametrize("version", ["1.1.7", "1.1.8"])
def test_up_to_1_1_8_java_9_needs_a_library_in_lib(tmp_path: Path, version: str) -> None:
    jars = replaced("imagej-tensorflow", f"imagej-tensorflow-{version}")
    fiji = make_fiji(tmp_path, *jars)
    assert fault(fiji, JAVA_8) is None
    found = fault(fiji, JAVA_21)
    assert found
    assert f"imagej-tensorflow {version} can't load its jar under Java 21" in found.what
    assert "1.1.9" in found.remedy
    add_native(fiji)
    assert fault(fiji, JAVA_21) is None


def test_1_1_10_is_later_than_1_1_9(tmp_path: Path) -> None:
    jars = replaced("imagej-tensorflow", "imagej-tensorflow-1.1.10")
    assert fault(make_fiji(tmp_path, *jars), JAVA_21) is None


@pytest.mark.parametrize("versions", [("4.28.2",), ("3.23.0", "4.28.2"), ("4.29.0-RC1",)])
def test_protobuf_4_breaks_it(tmp_path: Path, versions: tuple[str, ...]) -> None:
    jars = replaced("protobuf-java", *(f"protobuf-java-{version}" for version in versions))
    found = fault(make_fiji(tmp_path, *jars), JAVA_8)
    assert found
    assert f"protobuf-java {versions[-1]} breaks TensorFlow 1" in found.what
    assert "update site TensorFlow" in found.remedy
    assert "CRISPIM_Denoise_CLI" in found.remedy


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_there_is_no_library_for_apple_silicon(tmp_path: Path, machine: str) -> None:
    found = fault(make_fiji(tmp_path, *FIJI, *CSBDEEP), Runtime(21, machine))
    assert found
    assert machine in found.what
    assert "crispim-ij denoise" in found.remedy


@pytest.mark.parametrize(
    ("jars", "says"),
    [
        (FIJI, "no jar imagej-tensorflow or libtensorflow or protobuf-java"),
        (replaced("protobuf-java"), "no jar protobuf-java"),
        (replaced("libtensorflow_jni"), "neither a jar libtensorflow_jni nor a library"),
        (
            replaced("libtensorflow-", "libtensorflow-1.12.0", "libtensorflow-1.15.0"),
            "libtensorflow twice, as 1.12.0 and 1.15.0",
        ),
    ],
)
def test_missing_and_double_jars(tmp_path: Path, jars: tuple[str, ...], says: str) -> None:
    found = fault(make_fiji(tmp_path, *jars), JAVA_8)
    assert found
    assert says in found.what
    assert found.remedy


def test_a_library_in_lib_stands_for_its_jar(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path, *replaced("libtensorflow_jni"))
    add_native(fiji)
    assert fault(fiji, JAVA_8) is None


OLD = replaced("imagej-tensorflow", "imagej-tensorflow-1.1.7")


def loss(fiji: Path, java: Runtime = JAVA_21) -> Fault | None:
    return library_loss(read_installation(fiji, java.machine), java)


@on_linux
def test_a_library_that_does_not_load_would_be_deleted(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path, *OLD)
    library = add_native(fiji, loads=False)
    found = loss(fiji)
    assert found
    assert f"the TensorFlow in '{library}' does not load (" in found.what
    assert "invalid ELF header" in found.what or "too short" in found.what
    assert "imagej-tensorflow 1.1.7 would delete" in found.what
    with pytest.raises(CrispimError, match=r"is not started, as .*; .*|Options > TensorFlow"):
        refuse_library_loss(read_installation(fiji, "x86_64"), JAVA_21)


@on_linux
def test_a_library_that_crashes_would_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fiji = make_fiji(tmp_path, *OLD)
    add_native(fiji)
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -ILL $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    found = loss(fiji)
    assert found
    assert "libtensorflow_jni.so crashes" in found.what


@on_linux
def test_a_note_without_its_library_would_be_deleted(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path, *OLD)
    (add_native(fiji) / "libtensorflow_jni.so").unlink()
    found = loss(fiji)
    assert found
    assert "no library is left in it" in found.what


@on_linux
def test_where_nothing_is_deleted(tmp_path: Path) -> None:
    loads, jar, plain, none = (make_fiji(tmp_path / name, *jars) for name, jars in {
        "loads": OLD, "jar": (*FIJI, *CSBDEEP), "plain": FIJI, "none": OLD,
    }.items())  # fmt: skip
    add_native(loads)
    for fiji in (jar, plain):
        add_native(fiji, loads=False)
    assert [loss(fiji) for fiji in (loads, jar, plain, none)] == [None] * 4
    # The jar's TensorFlow is for Intel's processors alone.
    assert loss(jar, Runtime(21, "aarch64"))


@on_linux
def test_another_systems_library_is_safe(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path, *OLD)
    add_native(fiji, "win64", loads=False)
    assert loss(fiji) is None
