from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.installation import (
    Runtime,
    check_fiji_home,
    library_folders,
    read_installation,
    version_numbers,
)
from tests.imagej.fiji_folder import FIJI, add_java, add_native, add_sites, make_fiji


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def test_jars_of_all_folders_are_named_with_their_versions(tmp_path: Path) -> None:
    fiji = make_fiji(
        tmp_path, *FIJI, "ij1-patcher-1.2.6", "javassist-3.29.2-GA", "a-1.10", "a-1.9", "odd"
    )
    (fiji / "plugins/sub").mkdir()
    (fiji / "plugins/sub/csbdeep-0.6.0.jar").touch()
    jars = read_installation(fiji, "x86_64").jars
    assert jars["ij"] == ("1.54f",)
    assert jars["ij1-patcher"] == ("1.2.6",)
    assert jars["javassist"] == ("3.29.2-GA",)
    assert jars["csbdeep"] == ("0.6.0",)
    assert jars["a"] == ("1.9", "1.10")
    assert jars["odd"] == ("unknown",)


def test_a_plugin_that_was_put_in_by_hand(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path, *FIJI)
    (fiji / "plugins/CSBDeep-0.6.0.jar").touch()
    assert read_installation(fiji, "x86_64").jars["csbdeep"] == ("0.6.0",)


def test_an_empty_fiji(tmp_path: Path) -> None:
    found = read_installation(make_fiji(tmp_path), "x86_64")
    assert not found.jars
    assert found.marked is None
    assert found.java is None
    assert found.native is None
    assert not found.crashed
    assert not found.update_sites
    assert found.version("ij") is None


@pytest.mark.parametrize(
    ("noted", "version"),
    [
        ("linux64,1.15.0,CPU", "1.15.0 CPU"),
        ("linux64,1.14.0,GPU,10.0,7.4", "1.14.0 GPU 10.0 7.4"),
        ("what?", "of unknown version"),
    ],
)
def test_a_tensorflow_library_in_lib(tmp_path: Path, noted: str, version: str) -> None:
    folder = add_native(make_fiji(tmp_path), version=noted)
    native = read_installation(tmp_path, "x86_64").native
    assert native is not None
    assert (native.folder, native.version) == (folder, version)
    assert read_installation(tmp_path, "aarch64").native is None


def test_other_libraries_in_lib_are_not_tensorflow(tmp_path: Path) -> None:
    folder = add_native(make_fiji(tmp_path))
    (folder / "libtensorflow_jni.so").rename(folder / "libother.so")
    assert read_installation(tmp_path, "x86_64").native is None


def test_a_crash_file_is_seen(tmp_path: Path) -> None:
    (add_native(make_fiji(tmp_path)) / ".crashed").touch()
    assert read_installation(tmp_path, "x86_64").crashed


@pytest.mark.parametrize(
    ("version", "arch", "java"),
    [
        ("1.8.0_322", "amd64", Runtime(8, "amd64")),
        ("21.0.7", "aarch64", Runtime(21, "aarch64")),
        ("", "", None),
    ],
)
def test_fijis_own_java(tmp_path: Path, version: str, arch: str, java: Runtime | None) -> None:
    add_java(make_fiji(tmp_path), version, arch)
    assert read_installation(tmp_path, "x86_64").java == java


def test_update_sites_that_are_on(tmp_path: Path) -> None:
    add_sites(make_fiji(tmp_path), "ImageJ", "CSBDeep")
    assert read_installation(tmp_path, "x86_64").update_sites == {"ImageJ", "CSBDeep"}


def test_a_broken_data_base_of_sites_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_sites(make_fiji(tmp_path), "CSBDeep")
    path = tmp_path / "db.xml.gz"
    path.write_bytes(path.read_bytes()[:20])
    assert not read_installation(tmp_path, "x86_64").update_sites
    assert f"{path} can't be read" in caplog.text


@pytest.mark.parametrize(
    ("system", "machine", "names"),
    [
        ("linux", "x86_64", ("linux64",)),
        ("linux", "aarch64", ("linux-arm64",)),
        ("win32", "AMD64", ("win64",)),
        ("darwin", "x86_64", ("macos64", "macosx")),
        ("darwin", "arm64", ("macos-arm64",)),
    ],
)
def test_names_of_library_folders(system: str, machine: str, names: tuple[str, ...]) -> None:
    assert library_folders(system, machine) == names


def test_versions_are_compared_as_numbers() -> None:
    assert version_numbers("1.1.10") > version_numbers("1.1.9")


@pytest.mark.parametrize("endpoint", ["sc.fiji:fiji", "sc.fiji:fiji:2.15.0", "a.b:c+d.e:f:1.0"])
def test_endpoints_are_left_to_pyimagej(endpoint: str) -> None:
    assert check_fiji_home(endpoint) == endpoint


def test_a_folder_shaped_like_a_fiji(tmp_path: Path) -> None:
    assert check_fiji_home(str(make_fiji(tmp_path / "Fiji.app", *FIJI))) == str(
        (tmp_path / "Fiji.app").resolve()
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is a file"),
        (lambda path: path.mkdir(), "is an empty folder"),
        (lambda path: (path / "plugins").mkdir(parents=True), "has no folder 'jars'"),
        (
            lambda path: make_fiji(path / "Fiji.app"),
            r"no folder 'jars' in it \('.*Fiji.app' does\)",
        ),
        (lambda path: make_fiji(path, "imagej-2.9", "ij1-patcher-1.2"), r"has no ImageJ \(ij-\*"),
        (lambda path: make_fiji(path, "ij-1.54f", "imagej-updater-1"), r"no ImageJ2 \(imagej-\*"),
        (lambda path: make_fiji(path, "ij-1.54f", "imagej-2.9"), r"\(imagej-legacy-\*\.jar\)"),
    ],
)
def test_a_wrong_folder_is_refused(tmp_path: Path, make: object, says: str) -> None:
    home = tmp_path / "Fiji.app"
    make(home)  # type: ignore[operator]
    with pytest.raises(CrispimError, match=says) as caught:
        check_fiji_home(str(home))
    assert str(home) in str(caught.value)
    assert "--fiji-home" in str(caught.value)


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CrispimError, match="can't be read for lack of permission"):
        check_fiji_home(str(tmp_path))
