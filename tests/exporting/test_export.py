from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import ExportSettings, Format, check_place, csbdeep, export_model
from crispim_ij.models import Model, find_model, save_model
from crispim_ij.noise import CameraNoise

CAMERA = CameraNoise(2.1, 100, 9.8)
OWN = [Format.CSBDEEP, Format.SAVEDMODEL]
CSBDEEP_FIRST = [Format.CSBDEEP, pytest.param(Format.SAVEDMODEL, marks=pytest.mark.long)]


def place(folder: Path, form: Format) -> Path:
    return folder / f"model{form.suffix}"


def export(model: Model, out: Path, form: Format, *, overwrite: bool = False) -> float:
    return export_model(model, out, ExportSettings(form, overwrite)).difference


@pytest.mark.parametrize("form", CSBDEEP_FIRST)
def test_flat_models(flat_model: Model, tmp_path: Path, form: Format) -> None:
    out = tmp_path / "new" / place(tmp_path, form).name
    assert export(flat_model, out, form) < 1e-2
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("form", CSBDEEP_FIRST)
def test_the_shipped_model(tmp_path: Path, form: Format) -> None:
    assert export(find_model("crispim-2d"), place(tmp_path, form), form) < 1e-2


@pytest.mark.long
@pytest.mark.parametrize("form", [*OWN, Format.CSBDEEP_STACK])
def test_3d_models(deep_model: Model, tmp_path: Path, form: Format) -> None:
    assert export(deep_model, place(tmp_path, form), form) < 1e-2


@pytest.mark.long
@pytest.mark.parametrize("noise", [None, CAMERA], ids=["values", "counts"])
@pytest.mark.parametrize("form", [*OWN, Format.ONNX])
def test_models_that_are_told_the_noise(
    told_model: Model, tmp_path: Path, form: Format, noise: CameraNoise | None
) -> None:
    settings = ExportSettings(form, noise=noise)
    exported = export_model(told_model, place(tmp_path, form), settings)
    assert exported.difference < 1e-2
    assert exported.units.are_values == (noise is None)


@pytest.mark.long
def test_a_stack_of_counts_for_a_model_that_is_told_the_noise(
    told_model: Model, tmp_path: Path
) -> None:
    settings = ExportSettings(Format.CSBDEEP_STACK, noise=CAMERA)
    if told_model.spec.depth == 1:
        with pytest.raises(CrispimError, match="is a 2D model"):
            export_model(told_model, tmp_path / "model.zip", settings)
        return
    assert export_model(told_model, tmp_path / "model.zip", settings).difference < 1e-2


@pytest.mark.long
def test_differences_between_values_count_as_counts(
    stabilised_2d: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = csbdeep.predict
    monkeypatch.setattr(csbdeep, "predict", lambda *given: predict(*given) + np.float32(0.001))
    with pytest.raises(CrispimError, match=r"differ from Keras by 0\.03"):
        export(stabilised_2d, tmp_path / "model.zip", Format.CSBDEEP)


def test_models_that_guess_the_noise_are_not_told_it(paper_2d: Model, tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"guesses the noise, .*--noise"):
        export_model(paper_2d, tmp_path / "model.zip", ExportSettings(noise=CAMERA))
    assert not list(tmp_path.iterdir())


def content(out: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted([out, *out.rglob("*")]) if path.is_file())


@pytest.mark.long
@pytest.mark.parametrize("form", OWN)
def test_only_an_export_is_replaced_and_only_when_told(
    paper_2d: Model, tmp_path: Path, form: Format
) -> None:
    out = place(tmp_path, form)
    export(paper_2d, out, form)
    before = content(out)
    with pytest.raises(CrispimError, match=r"model.* exists already: .* --overwrite"):
        export(paper_2d, out, form)
    assert content(out) == before
    export(find_model("crispim-2d"), out, form, overwrite=True)
    assert content(out) != before
    assert list(tmp_path.iterdir()) == [out]


def of_other_weights(model: Model, folder: Path, factor: float) -> Model:
    network = model.network()
    network.set_weights([weights * factor for weights in network.get_weights()])
    return save_model(network, model.spec.architecture, folder / "other", {})


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.001, r"differ from Keras by \d"),
        pytest.param(np.nan, "nan", marks=pytest.mark.long),
    ],
)
def test_other_counts_leave_no_file(
    paper_2d: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float, said: str
) -> None:
    other = of_other_weights(paper_2d, tmp_path, factor)
    write = csbdeep.write
    monkeypatch.setattr(csbdeep, "write", lambda model, path: write(other, path))
    with pytest.raises(CrispimError, match=said):
        export(paper_2d, tmp_path / "out" / "model.zip", Format.CSBDEEP)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_another_shape_leaves_no_file(
    paper_2d: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = csbdeep.predict

    def cropped(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
        return predict(path, counts)[1:]

    monkeypatch.setattr(csbdeep, "predict", cropped)
    with pytest.raises(CrispimError, match="differ from Keras by inf"):
        export(paper_2d, tmp_path / "model.zip", Format.CSBDEEP)
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_failed_export_leaves_the_earlier_one(
    paper_2d: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model.zip"
    out.write_bytes(b"earlier")
    monkeypatch.setattr(csbdeep, "predict", lambda path, counts: counts)
    with pytest.raises(CrispimError, match="differ from Keras"):
        export(paper_2d, out, Format.CSBDEEP, overwrite=True)
    assert out.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("form", [form for form in Format if form.suffix])
def test_names_end_as_their_readers_want(tmp_path: Path, form: Format) -> None:
    with pytest.raises(CrispimError, match=rf"must end in {form.suffix} .*'model{form.suffix}'"):
        check_place(tmp_path / "model", ExportSettings(form))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.zip").mkdir()
    with pytest.raises(CrispimError, match="is a folder where a file is to be written"):
        check_place(tmp_path / "model.zip", ExportSettings(Format.CSBDEEP, overwrite=True))


@pytest.mark.parametrize("names", [[], ["saved_model.pb", "thesis.docx"]])
def test_folders_of_the_users_are_not_replaced(tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    with pytest.raises(CrispimError, match="is no SavedModel that could be replaced"):
        check_place(folder, ExportSettings(Format.SAVEDMODEL, overwrite=True))


def test_links_to_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/saved_model.pb").touch()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(CrispimError, match="is no SavedModel that could be replaced"):
        check_place(tmp_path / "link", ExportSettings(Format.SAVEDMODEL, overwrite=True))


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CrispimError, match=r"needs a folder .* but .*file' is a file"):
        check_place(tmp_path / "file" / "model.zip", ExportSettings())


def test_lack_of_permission(strangers_folder: Path) -> None:
    # In a process of its own, which becomes nobody: root may do all.
    code = f"""
import os
from pathlib import Path
from crispim_ij.exporting import *
os.setuid(65534)
check_place(Path({str(strangers_folder)!r}) / "model.zip", ExportSettings())
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "can't be written for lack of permission" in answer.stderr


@pytest.mark.parametrize("form", CSBDEEP_FIRST)
def test_no_space_left(paper_2d: Model, small_disk: Path, form: Format) -> None:
    with pytest.raises(CrispimError, match="no space is left"):
        export(paper_2d, place(small_disk, form), form)
    assert not list(small_disk.iterdir())
