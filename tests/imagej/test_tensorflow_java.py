from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.imagej.installation import Runtime, read_installation
from crispim_ij.imagej.tensorflow_java import Fault, tensorflow_fault
from tests.imagej.fiji_folder import CSBDEEP, FIJI, add_native, make_fiji, replaced

JAVA_8, JAVA_21 = Runtime(8, "x86_64"), Runtime(21, "x86_64")


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
