"""Zips for Fiji's plugin: no bombs, no other files, no graph that does more than compute."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import v1_zip
from crispim_ij.exporting.v1_zip import META_FILE, MODEL_FILE, copy_checked
from crispim_ij.imagej import installation, model_zip
from crispim_ij.imagej.installation import read_installation
from crispim_ij.imagej.model_zip import read_model_zip
from tests.imagej.csbdeep_standin import META


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def served(operation: str, *, inside_function: bool = False) -> bytes:
    """A SavedModel of one operation."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel()
    graph = model.meta_graphs.add().graph_def
    if inside_function:
        graph.library.function.add().node_def.add(name="n", op=operation)
    else:
        graph.node.add(name="n", op=operation)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize(
    "operation", ["WriteFile", "ReadFile", "PyFunc", "SaveV2", "ImmutableConst"]
)
@pytest.mark.parametrize("inside_function", [False, True])
def test_a_graph_that_does_more_is_refused(
    tmp_path: Path, operation: str, inside_function: bool
) -> None:
    content = served(operation, inside_function=inside_function)
    path = zipped(tmp_path / "m.zip", {MODEL_FILE: content, META_FILE: json.dumps(META)})
    says = "functions" if inside_function else operation
    with pytest.raises(CrispimError, match=f"does more than a network .*{says}.* not run"):
        copy_checked(path, tmp_path / "copy.zip")
    assert not (tmp_path / "copy.zip").exists()


def test_what_the_central_directory_hides_is_left_behind(tmp_path: Path) -> None:
    """Java reads a zip from its start, Python from its end."""
    hidden = zipped(tmp_path / "hidden.zip", {"../evil": b"x", MODEL_FILE: served("WriteFile")})
    shown = zipped(
        tmp_path / "shown.zip", {MODEL_FILE: served("Relu"), META_FILE: json.dumps(META)}
    )
    path = tmp_path / "both.zip"
    path.write_bytes(hidden.read_bytes() + shown.read_bytes())
    copy_checked(path, tmp_path / "copy.zip")
    assert b"evil" not in (tmp_path / "copy.zip").read_bytes()
    assert b"WriteFile" not in (tmp_path / "copy.zip").read_bytes()


@pytest.mark.parametrize(
    "more", ["../evil", "/evil", "variables/variables.index", "saved_model.pbtxt", "assets/x"]
)
def test_other_files_are_refused(tmp_path: Path, more: str) -> None:
    files = {MODEL_FILE: served("Relu"), META_FILE: json.dumps(META), more: b""}
    with pytest.raises(CrispimError, match="holds other files"):
        copy_checked(zipped(tmp_path / "m.zip", files), tmp_path / "copy.zip")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\3\4" * 30])
def test_damaged_zips_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.zip").write_bytes(content)
    with pytest.raises(CrispimError, match=r"m.zip' can't be read"):
        copy_checked(tmp_path / "m.zip", tmp_path / "copy.zip")


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v1_zip, "MOST_BYTES", 2**20)
    files = {MODEL_FILE: b"\0" * 2**22, META_FILE: json.dumps(META)}
    with pytest.raises(CrispimError, match="is larger than"):
        copy_checked(zipped(tmp_path / "m.zip", files), tmp_path / "copy.zip")
    bomb = zipped(tmp_path / "meta.zip", {META_FILE: json.dumps(META) + " " * 2**22})
    assert bomb.stat().st_size < 2**14
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(bomb)


@pytest.mark.parametrize(
    "changed",
    [
        {"axes_div_by": ["4", {}]},
        {"axes_div_by": []},
        {"axes_div_by": [0]},
        {"tile_overlap": [10**12]},
        {"tile_overlap": [-1]},
        {"tile_overlap": 3},
        {"tile_overlap": [1e999]},
    ],
)
def test_tiles_that_no_network_has_are_refused(tmp_path: Path, changed: dict) -> None:
    path = zipped(tmp_path / "m.zip", {META_FILE: json.dumps(META | changed)})
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(path)


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="is no zip that"):
        read_model_zip(zipped(tmp_path / "m.zip", {META_FILE: "[" * 100_000}))


def test_limits_leave_room_for_what_is_real() -> None:
    assert 100 * len(json.dumps(META)) < model_zip._MOST_BYTES
    assert v1_zip.MOST_BYTES > 2**30


def test_a_list_of_update_sites_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "_MOST_BYTES", 2**16)
    with gzip.open(tmp_path / "db.xml.gz", "wb") as file:
        file.write(b'<update-site name="CSBDeep" url="x">' + b" " * 2**24)
        file.write(b'<update-site name="far behind">')
    assert read_installation(tmp_path, "x86_64").update_sites == {"CSBDeep"}


def test_a_list_of_update_sites_made_to_take_for_ever(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "db.xml.gz", "wb") as file:
        file.write(b"<update-site " * 2_000_000)
    assert read_installation(tmp_path, "x86_64").update_sites == set()
