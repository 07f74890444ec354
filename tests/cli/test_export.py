from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import format_of
from tests.cli.conftest import Call
from tests.exporting.random_models import random_model
from tests.guessing import guessing_model


def test_a_shipped_model_for_fiji(call: Call, tmp_path: Path) -> None:
    answer = call("export", "crispim-2d", tmp_path / "new/fiji.zip", "--format", "csbdeep")
    assert answer.status == 0, answer.err
    assert "fiji.zip" in answer.out
    assert "at most" in answer.out
    with zipfile.ZipFile(tmp_path / "new/fiji.zip") as archive:
        assert "saved_model.pb" in archive.namelist()


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.zip", "csbdeep"), ("a.ONNX", "onnx"), ("a", "savedmodel"), ("a.tif", None)],
)
def test_the_name_says_the_format(name: str, form: str | None) -> None:
    if form is not None:
        assert format_of(Path(name)).value == form
        return
    with pytest.raises(CrispimError, match=r"\.zip \(for Fiji\) or \.onnx.*or say --format"):
        format_of(Path(name))


@pytest.mark.long
def test_results_are_not_replaced_unasked(call: Call, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "saved"
    assert call("export", model, out).status == 0
    again = call("export", model, out, "--format", "savedmodel")
    assert again.status == 2
    assert "--overwrite" in again.err
    assert call("export", model, out, "--format", "savedmodel", "--overwrite").status == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "It takes and gives: values whose noise has a standard deviation of 1 in and out"),
        (["--noise", "35"], "raw counts in, raw counts out, of the noise 0:0:35"),
    ],
)
def test_a_model_that_is_told_the_noise(
    call: Call, tmp_path: Path, options: list[str], says: str
) -> None:
    folder = random_model("stabilised-2d", tmp_path).folder
    answer = call("export", folder, tmp_path / "fiji.zip", *options)
    assert answer.status == 0, answer.err
    assert says in answer.out


@pytest.mark.parametrize(
    ("noise", "says"),
    [
        ("35", "'guesses' guesses the noise"),
        ("auto", "no planes to measure the noise on (--noise auto)"),
        ("loud", "'loud' (--noise) can't be read"),
    ],
)
def test_noise_that_means_nothing(call: Call, tmp_path: Path, noise: str, says: str) -> None:
    folder = guessing_model(tmp_path / "guesses").folder
    answer = call("export", folder, tmp_path / "fiji.zip", "--noise", noise)
    assert answer.status == 2
    assert says in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("model", "name", "form", "words"),
    [
        ("cripsim-2d", "a.zip", "csbdeep", "did you mean 'crispim-2d'"),
        ("crispim-2d", "a.tif", "csbdeep", "must end in .zip"),
        ("crispim-2d", "a.zip", "csbdeep-stack", "is a 2D model"),
    ],
)
def test_faults_leave_nothing(
    call: Call, tmp_path: Path, model: str, name: str, form: str, words: str
) -> None:
    answer = call("export", model, tmp_path / name, "--format", form)
    assert answer.status == 2
    assert words in " ".join(answer.err.split())
    assert not list(tmp_path.iterdir())
