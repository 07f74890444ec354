from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.reproduction.run_directory import RunDirectory

RUN = {"settings": {"seed": 0, "models": ("a",)}, "stacks": [1.25]}


@pytest.fixture
def begun(tmp_path: Path) -> RunDirectory:
    place = RunDirectory(tmp_path / "out")
    place.begin({**RUN, "precisions": {"paper-2d": "float32"}})
    return place


def test_a_new_folder_is_free(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "out").check(resume=False, overwrite=False)
    RunDirectory(tmp_path).check(resume=False, overwrite=True)


def test_a_run_is_resumed_or_replaced_only_when_told(begun: RunDirectory) -> None:
    begun.check(resume=True, overwrite=False)
    begun.check(resume=False, overwrite=True)
    with pytest.raises(CrispimError, match="holds a run already: give --resume"):
        begun.check(resume=False, overwrite=False)


def test_no_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="no run to resume"):
        RunDirectory(tmp_path).check(resume=True, overwrite=False)


@pytest.mark.parametrize("overwrite", [True, False])
def test_other_files_are_never_touched(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "clean").mkdir()
    with pytest.raises(CrispimError, match="holds other files"):
        RunDirectory(tmp_path).check(resume=False, overwrite=overwrite)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(CrispimError, match="is a file"):
        RunDirectory(tmp_path / "out").check(resume=False, overwrite=False)


@pytest.mark.parametrize("stack", ["out/clean/a.tif", "out", "."])
def test_input_and_output_are_apart(tmp_path: Path, stack: str) -> None:
    with pytest.raises(CrispimError, match="lie within one another"):
        RunDirectory(tmp_path / "out").check_stacks([tmp_path / "in.tif", tmp_path / stack])
    RunDirectory(tmp_path / "out").check_stacks([tmp_path / "in.tif", tmp_path / "output"])


def test_what_was_written_down_comes_back(begun: RunDirectory) -> None:
    assert begun.resume(RUN)["precisions"] == {"paper-2d": "float32"}


@pytest.mark.parametrize("key", RUN)
def test_another_run_is_not_resumed(begun: RunDirectory, key: str) -> None:
    with pytest.raises(CrispimError, match=rf"has other {key} than this run"):
        begun.resume({**RUN, key: {"seed": 1}})


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_file_is_named(begun: RunDirectory, content: str) -> None:
    (begun.folder / "run.json").write_text(content)
    with pytest.raises(CrispimError, match=r"run\.json.*--overwrite"):
        begun.resume(RUN)


def test_stages_are_remembered_until_a_run_begins_anew(begun: RunDirectory) -> None:
    assert begun.done() == {}
    begun.finish("train", 2.5)
    begun.finish("test", 1.0)
    begun.clean.mkdir()
    (begun.folder / "notes.txt").touch()
    assert RunDirectory(begun.folder).done() == {"train": 2.5, "test": 1.0}
    begun.begin(RUN)
    assert begun.done() == {}
    assert not begun.clean.exists()
    assert (begun.folder / "notes.txt").exists()
