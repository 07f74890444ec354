"""Each fault of a user's: one sentence, status 2, nothing left behind.

Lack of permission is tested where planes are written: tests/planes/test_sink_faults.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Answer, Call

PLANE = np.full((40, 60), 100, np.uint16)


def check(answer: Answer, *words: str) -> None:
    assert answer.status == 2
    assert "Traceback" not in answer.err
    # A progress bar may stand before it.
    _, mark, sentence = " ".join(answer.err.split()).rpartition("Error: ")
    assert mark
    for word in words:
        assert word in sentence


def refused(call: Call, model: Path, folder: Path, output: Path, *words: str) -> None:
    check(call("denoise", folder, output, "--model", model), *words)
    assert not output.exists()
    assert not list(output.parent.rglob("*.partial"))


def test_missing_folder(call: Call, model: Path, tmp_path: Path) -> None:
    refused(call, model, tmp_path / "nowhere", tmp_path / "out", "nowhere", "does not exist")


def test_empty_folder(call: Call, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(call, model, tmp_path / "empty", tmp_path / "out", "empty")


def test_a_file_that_is_no_tiff(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    (noisy / "overview.jpg").write_text("lens 2")
    refused(call, model, noisy, tmp_path / "out", "overview.jpg")


def test_notes_beside_planes_are_no_planes(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    (noisy / "notes.txt").write_text("lens 2")
    assert call("denoise", noisy, tmp_path / "out", "--model", model).status == 0
    written = sorted(file.name for file in (tmp_path / "out").glob("*.t*"))
    assert written == ["0.tif", "1.tif", "2.tif"]


def test_a_tiff_in_name_alone(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    (noisy / "3.tif").write_text("lens 2")
    refused(call, model, noisy, tmp_path / "out", "3.tif")


def test_a_truncated_tiff(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    whole = (noisy / "1.tif").read_bytes()
    (noisy / "1.tif").write_bytes(whole[: len(whole) // 2])
    refused(call, model, noisy, tmp_path / "out", "1.tif")


def test_rgb(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    tifffile.imwrite(noisy / "1.tif", np.zeros((40, 60, 3), np.uint8), photometric="rgb")
    refused(call, model, noisy, tmp_path / "out", "1.tif", "RGB")


def test_planes_of_different_sizes(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    tifffile.imwrite(noisy / "1.tif", PLANE[:30])
    refused(call, model, noisy, tmp_path / "out", "1.tif", "0.tif")


def test_planes_of_different_types(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    tifffile.imwrite(noisy / "1.tif", PLANE.astype(np.uint8))
    refused(call, model, noisy, tmp_path / "out", "1.tif", "uint8")


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_nan(call: Call, model: Path, tmp_path: Path, name: str) -> None:
    stack = np.ones((3, 40, 60), np.float32)
    stack[0, 5, 5] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    refused(call, model, tmp_path / "in.tif", tmp_path / name, "in.tif", "NaN")


def test_planes_smaller_than_the_stride(call: Call, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in/0.tif", PLANE[:3])
    refused(call, model, tmp_path / "in", tmp_path / "out", "3 x 60 px", "4 px")


def test_an_unknown_model(call: Call, noisy: Path, tmp_path: Path) -> None:
    answer = call("denoise", noisy, tmp_path / "out", "--model", "cripsim-2d")
    check(answer, "'cripsim-2d'", "did you mean 'crispim-2d'?")
    assert not (tmp_path / "out").exists()


def test_a_wrong_fiji(call: Call, noisy: Path, tmp_path: Path) -> None:
    wrong = "--fiji-home", tmp_path / "Fiji.app"
    answer = call("preprocess", noisy, tmp_path / "out", "--fiji", *wrong)
    check(answer, "Fiji.app")
    assert not (tmp_path / "out").exists()


def test_output_into_the_input(call: Call, model: Path, noisy: Path) -> None:
    before = sorted(noisy.iterdir())
    for output in (noisy, noisy / "denoised"):
        check(call("denoise", noisy, output, "--model", model), "noisy")
    assert sorted(noisy.iterdir()) == before


def test_results_are_not_replaced_unasked(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/1.tif").write_text("mine")
    check(call("denoise", noisy, tmp_path / "out", "--model", model), "1.tif", "--overwrite")
    assert (tmp_path / "out/1.tif").read_text() == "mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.tif"]
    answer = call("denoise", noisy, tmp_path / "out", "--model", model, "--overwrite")
    assert answer.status == 0
    assert tifffile.imread(tmp_path / "out/1.tif").shape == PLANE.shape


def test_no_space_left(call: Call, model: Path, noisy: Path, small_disk: Path) -> None:
    big = np.zeros((200, 300), np.uint16)
    for path in noisy.iterdir():
        tifffile.imwrite(path, big)
    check(call("denoise", noisy, small_disk / "out", "--model", model), "no space is left")
    assert not list(small_disk.iterdir())
