from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import installing
from crispim_ij.imagej.installing import (
    MANIFEST,
    FileChange,
    Outcome,
    install_files,
    macro_files,
    read_manifest,
    uninstall_files,
)
from tests.imagej.fiji_folder import FIJI, make_fiji

Files = list[tuple[PurePosixPath, Path]]


@pytest.fixture
def fiji(tmp_path: Path) -> Path:
    folder = make_fiji(tmp_path / "Fiji.app", *FIJI)
    (folder / "macros/toolsets").mkdir(parents=True)
    (folder / "macros/toolsets/Own.txt").write_text("mine")
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Files:
    places = ["plugins/CRISPIM/A.ijm", "macros/toolsets/T.ijm", "models/CRISPIM/é m.zip"]
    made = []
    for place in places:
        source = tmp_path / "shipped" / Path(place).name
        source.parent.mkdir(exist_ok=True)
        source.write_text(f"first {place}", encoding="utf-8")
        made.append((PurePosixPath(place), source))
    return made


def all_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def outcomes(changes: list[FileChange]) -> list[str]:
    return [change.outcome.value for change in changes]


def test_where_the_macros_go() -> None:
    places = {source.name: place.parent.as_posix() for place, source in macro_files()}
    assert places["CRISPIM_Preprocess.ijm"] == "plugins/CRISPIM"
    assert places["CRISPIM_Toolset.ijm"] == "macros/toolsets"


def test_installed_again_and_taken_out(fiji: Path, files: Files) -> None:
    before = all_files(fiji)
    changes = list(install_files(fiji, files))
    assert outcomes(changes) == ["installed"] * 3
    assert [change.path for change in changes] == [fiji / place for place, _ in files]
    after = all_files(fiji)
    assert set(after) - set(before) == {*(str(place) for place, _ in files), MANIFEST}
    assert outcomes(list(install_files(fiji, files))) == ["unchanged"] * 3
    assert all_files(fiji) == after
    assert outcomes(list(uninstall_files(fiji))) == ["removed"] * 3
    assert all_files(fiji) == before
    assert not (fiji / "plugins/CRISPIM").exists()
    assert not (fiji / "models/CRISPIM").exists()
    assert outcomes(list(uninstall_files(fiji))) == []


def test_a_new_version_replaces_the_old(fiji: Path, files: Files) -> None:
    list(install_files(fiji, files))
    files[0][1].write_text("second")
    assert outcomes(list(install_files(fiji, files))) == ["updated", "unchanged", "unchanged"]
    assert (fiji / files[0][0]).read_text() == "second"


def test_what_a_new_version_lacks_is_removed(fiji: Path, files: Files) -> None:
    list(install_files(fiji, files))
    changes = list(install_files(fiji, files[:2]))
    assert outcomes(changes) == ["unchanged", "unchanged", "removed"]
    assert not (fiji / files[2][0]).exists()
    assert set(read_manifest(fiji)) == {str(place) for place, _ in files[:2]}


def test_a_file_that_the_user_changed_is_kept(fiji: Path, files: Files) -> None:
    list(install_files(fiji, files))
    changed = fiji / files[0][0]
    changed.write_text("the user's own")
    files[0][1].write_text("second")
    assert outcomes(list(install_files(fiji, files)))[0] == "kept"
    assert outcomes(list(uninstall_files(fiji))).count("kept") == 1
    assert changed.read_text() == "the user's own"
    assert not (fiji / MANIFEST).exists()


def test_a_file_that_was_there_before_is_kept(fiji: Path, files: Files) -> None:
    own = fiji / files[0][0]
    own.parent.mkdir(parents=True)
    own.write_text("the user's own")
    assert outcomes(list(install_files(fiji, files)))[0] == "kept"
    list(uninstall_files(fiji))
    assert own.read_text() == "the user's own"


def test_a_file_that_the_user_removed(fiji: Path, files: Files) -> None:
    list(install_files(fiji, files))
    (fiji / files[1][0]).unlink()
    assert [c.outcome for c in uninstall_files(fiji)].count(Outcome.MISSING) == 1


def test_an_interrupted_run_can_be_taken_back(fiji: Path, files: Files) -> None:
    before = all_files(fiji)
    changes = install_files(fiji, files)
    next(changes)
    changes.close()  # type: ignore[attr-defined]
    assert outcomes(list(uninstall_files(fiji))) == ["removed"]
    assert all_files(fiji) == before


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"files": 3}',
        '{"file": {}}',
        json.dumps({"files": {"../../outside": "0"}}),
        json.dumps({"files": {"/outside": "0"}}),
    ],
)
def test_a_list_that_can_not_be_trusted(fiji: Path, content: str) -> None:
    (fiji / MANIFEST).parent.mkdir(parents=True)
    (fiji / MANIFEST).write_text(content)
    with pytest.raises(CrispimError, match="can't be read as the list of what was installed"):
        list(uninstall_files(fiji))


def test_a_fiji_that_can_not_be_written(fiji: Path, files: Files) -> None:
    (fiji / "plugins/CRISPIM").touch()
    with pytest.raises(CrispimError, match="plugins/CRISPIM"):
        list(install_files(fiji, files))
    assert "models/CRISPIM" not in str(all_files(fiji))


def test_a_fault_of_ours_is_no_damaged_list(
    fiji: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(install_files(fiji, files))
    monkeypatch.setattr(installing, "PurePosixPath", None)
    with pytest.raises(TypeError):
        read_manifest(fiji)
