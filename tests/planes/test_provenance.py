"""What files say of what made them, in each format, and what a run that is resumed reads there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
import zarr

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import open_gateway
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from crispim_ij.planes.provenance import FOLDER_FILE, as_line, denoised_already, from_text, in_words

RECORD = {
    "crispim-ij": "0.1.0",
    "command": "denoise",
    "model": "crispim-2d µ",
    "the model's SHA-256": "0123456789abcdef",
    "--tile": 1024,
    "--channel": "2",
    "--strength": 1.0,
    "noise": ["0.5:100.0:2.1", "0:0:3"],
}
OUTPUTS = ["out", "out.tif", "out.zarr"]


def run(
    path: Path,
    output: Path,
    record: Mapping[str, Any] | None = RECORD,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> list[int]:
    """Copy planes and sign them; return those that were written."""
    written = []
    with open_source(path) as source:
        sink = create_sink(output, source, SinkSettings(**settings))
        if record is not None:
            sink.sign(record)
        sink.record(options or {})
        with sink:
            for k in range(len(source)):
                if not sink.has(k):
                    sink.write(k, source.read(k))
                    written.append(k)
    return written


def history(path: Path) -> tuple[Mapping[str, Any], ...]:
    with open_source(path) as source:
        return source.metadata.history


def holds(found: Mapping[str, Any], record: Mapping[str, Any] = RECORD) -> bool:
    return record.items() <= found.items()


@pytest.mark.parametrize("name", [*OUTPUTS, "new.zarr"])
@pytest.mark.parametrize("kind", ["hyperstack", "ome", "folder"])
def test_a_record_is_read_again(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, name: str
) -> None:
    layout = ZarrSettings(version="0.5" if name == "new.zarr" else None)
    run(request.getfixturevalue(kind), tmp_path / name, zarr=layout)
    (found,) = history(tmp_path / name)
    assert holds(found)
    assert not list(tmp_path.rglob(".crispim*"))
    # What a plane of a folder says alone, and what is made of the output once more.
    again = {**RECORD, "command": "preprocess"}
    run(tmp_path / name, tmp_path / "again.tif", again)
    first, second = history(tmp_path / "again.tif")
    assert (first, second["command"]) == (found, "preprocess")
    run(tmp_path / "again.tif", tmp_path / "each", None)
    assert history(tmp_path / "each") == (first, second)


def test_imagej_finds_it_in_its_info(tmp_path: Path, hyperstack: Path) -> None:
    run(hyperstack, tmp_path / "out.tif")
    open_gateway()
    import scyjava

    image = scyjava.jimport("ij.IJ").openImage(str(tmp_path / "out.tif"))
    assert holds(json.loads(str(image.getProp("crispim-ij"))))
    assert str(image.getInfoProperty()).startswith("stained in µm depth\n")
    assert image.getStackSize() == 12


def test_an_ome_tiff_has_an_annotation_of_its_image(tmp_path: Path, ome: Path) -> None:
    run(ome, tmp_path / "out.ome.tif")
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as tif:
        root = ET.fromstring(tif.ome_metadata or "")  # noqa: S314 - our own file
        assert tif.pages.first.software == as_line(from_text(tif.pages.first.software)[0])
        assert len(tif.pages[1].software) == 0
    names = [element.tag.rpartition("}")[2] for element in root]
    assert names == ["Image", "StructuredAnnotations"]
    (annotation,) = root.iter(f"{root.tag[:-3]}MapAnnotation")
    (reference,) = root.iter(f"{root.tag[:-3]}AnnotationRef")
    assert reference.get("ID") == annotation.get("ID")
    pairs = {pair.get("K"): pair.text for pair in annotation[0]}
    assert (pairs["model"], pairs["--channel"], pairs["--tile"]) == ("crispim-2d µ", '"2"', "1024")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_has_an_attribute(tmp_path: Path, folder: Path, version: Any) -> None:
    run(folder, tmp_path / "out.zarr", zarr=ZarrSettings(version=version))
    (found,) = zarr.open_group(tmp_path / "out.zarr", mode="r").attrs["crispim-ij"]
    assert holds(found)


def test_a_folder_has_a_file_to_read_that_is_no_plane(tmp_path: Path, folder: Path) -> None:
    run(folder, tmp_path / "out")
    (found,) = json.loads((tmp_path / "out" / FOLDER_FILE).read_text())["history"]
    assert holds(found)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".tif") == [
        FOLDER_FILE
    ]
    with open_source(tmp_path / "out") as source:
        assert len(source) == 12


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_finished_run_that_is_resumed_has_nothing_to_do(
    tmp_path: Path, folder: Path, name: str
) -> None:
    assert run(folder, tmp_path / name) == list(range(12))
    assert run(folder, tmp_path / name, resume=True) == []
    assert not list(tmp_path.rglob(".crispim*"))
    other = {**RECORD, "--tile": 64}
    with pytest.raises(CrispimError, match="--tile was 1024 when it was begun and is 64 now"):
        run(folder, tmp_path / name, other, resume=True)
    with pytest.raises(CrispimError, match="--dtype was"):
        run(folder, tmp_path / name, resume=True, dtype=np.dtype("float32"))
    with pytest.raises(CrispimError, match=r"made by denoise of crispim-ij 0\.1\.0"):
        run(folder, tmp_path / name, None, resume=True)
    with pytest.raises(CrispimError, match="exists already"):
        run(folder, tmp_path / name)


def test_a_plane_that_is_gone_is_made_again(tmp_path: Path, folder: Path) -> None:
    run(folder, tmp_path / "out")
    (tmp_path / "out/3.tif").unlink()
    assert run(folder, tmp_path / "out", resume=True) == [2]


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_input_that_is_newer_than_the_output(tmp_path: Path, folder: Path, name: str) -> None:
    run(folder, tmp_path / name)
    later = (tmp_path / name).stat().st_mtime_ns + 10**9
    os.utime(folder / "3.tif", ns=(later, later))
    with pytest.raises(CrispimError, match=r"file '3\.tif' has changed since.*--overwrite"):
        run(folder, tmp_path / name, resume=True)


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_was_there_and_is_not_signed_is_refused(
    tmp_path: Path, folder: Path, name: str
) -> None:
    run(folder, tmp_path / name, None)
    for journal in tmp_path.rglob(".crispim*"):
        journal.unlink()
    with pytest.raises(CrispimError, match="exists already"):
        run(folder, tmp_path / name, resume=True)


def test_what_was_denoised_already_is_said(tmp_path: Path, folder: Path) -> None:
    run(folder, tmp_path / "out.tif")
    with open_source(tmp_path / "out.tif") as denoised, open_source(folder) as raw:
        (said,) = denoised_already(denoised, raw)
    assert "out.tif' was denoised already, by denoise of crispim-ij 0.1.0 with crispim-2d" in said
    assert "SHA-256 0123456789ab" in in_words(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        None, "", "crispim-ij: ", "crispim-ij: 3", 'crispim-ij: {"crispim-ij": 3}',
        "crispim-ij: " + "[" * 9000, 'crispim-ij: {"command": "denoise"}',
    ],
)  # fmt: skip
def test_texts_that_are_no_records(text: str | None) -> None:
    assert from_text(text) == ()
