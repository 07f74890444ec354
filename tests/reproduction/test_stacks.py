from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.reproduction.stacks import find_stacks


def _stack(path: Path, planes: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.zeros((planes, 8, 8), np.uint16), photometric="minisblack")
    return path


def test_a_folder_of_files_and_folders_is_taken_in_natural_order(brains: Path) -> None:
    assert list(find_stacks([brains])) == ["brain 0", "brain 1", "brain 10"]


def test_a_folder_of_planes_is_one_stack(brains: Path) -> None:
    assert find_stacks([brains / "brain 10"]) == {"brain 10": brains / "brain 10"}


def test_a_folder_of_stacks_without_folders(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "b.ome.tif"), _stack(tmp_path / "a.TIFF")]
    assert find_stacks([tmp_path]) == {"a": paths[1], "b": paths[0]}


def test_stacks_one_by_one(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "z/one.tif"), _stack(tmp_path / "y/two.tif")]
    assert find_stacks(paths) == {"one": paths[0], "two": paths[1]}


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    _stack(tmp_path / "one.tif")
    _stack(tmp_path / ".hidden.tif")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.txt").touch()
    assert list(find_stacks([tmp_path])) == ["one"]


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "a/brain.tif"), _stack(tmp_path / "b/brain.ome.tif")]
    with pytest.raises(CrispimError, match="both stacks of the name 'brain'"):
        find_stacks(paths)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="holds no TIFF files"):
        find_stacks([tmp_path])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="does not exist"):
        find_stacks([tmp_path / "brains"])
