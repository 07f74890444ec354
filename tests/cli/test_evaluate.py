from __future__ import annotations

import csv
import json
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from crispim_ij.cli.evaluate import evaluate
from crispim_ij.errors import CrispimError
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import create_sink, open_source
from tests.cli.conftest import Call
from tests.models.keras2_files import write_paper_2d

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="module")
def volume() -> NDArray[np.uint16]:
    return simulate_volume(PhantomSettings(shape=(3, 48, 64), seed=1))


@pytest.fixture
def clean(tmp_path: Path, volume: NDArray[np.uint16]) -> Path:
    path = tmp_path / "clean.tif"
    tifffile.imwrite(path, volume, imagej=True)
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = call(*arguments)
    assert isinstance(result.exception, CrispimError), result.output
    return str(result.exception)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.long
def test_a_series_is_compared_with_its_results(tmp_path: Path, volume: NDArray[np.uint16]) -> None:
    path, second = tmp_path / "two.tif", volume[:2, :, ::2]
    with tifffile.TiffWriter(path) as tif:
        tif.write(volume, photometric="minisblack")
        tif.write(second, photometric="minisblack")
    tifffile.imwrite(tmp_path / "second.tif", second, photometric="minisblack")
    results = ("--result", f"one={tmp_path / 'second.tif'}", "--result", f"two={path}")
    result = call(path, *results, "--series", 2, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert {float(row["rmse"]) for row in read(tmp_path / "out/evaluation.csv")} == {0}


def test_a_report_is_written(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call(clean, "--method", "noisy", "--method", "tv", "--out", out)
    assert result.exit_code == 0, result.output
    tables = {"evaluation.csv", "summary.csv", "bias.csv", "comparison.csv"}
    names = tables | {"report.html", "report.json", "figures"}
    assert {path.name for path in out.iterdir()} == names
    figures = {path.name for path in (out / "figures").iterdir()}
    kinds = ("png", "svg", "pdf")
    assert figures == {f"{name}.{kind}" for name in ("boxes", "panels", "bias") for kind in kinds}
    assert len(read(out / "evaluation.csv")) == 6
    assert len(read(out / "bias.csv")) == 20
    (pair,) = read(out / "comparison.csv")
    assert (pair["method"], pair["other"], pair["planes"]) == ("tv", "noisy", "3")
    tv, noisy = read(out / "summary.csv")
    assert float(tv["psnr"]) > float(noisy["psnr"])
    assert str(out / "report.html") in result.output
    assert f"{float(tv['psnr']):.2f}" in result.output


@pytest.mark.long
def test_given_results(clean: Path, tmp_path: Path, volume: NDArray[np.uint16]) -> None:
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, volume + np.uint16(3), imagej=True)
    out = tmp_path / "out"
    result = call(clean, "--noisy", other, "--result", f"my net={other}", "--out", out)
    assert result.exit_code == 0, result.output
    assert {row["method"]: float(row["rmse"]) for row in read(out / "summary.csv")} == {
        "noisy": 3.0,
        "my net": 3.0,
    }
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"--result 'my net={other}'" in unescape(page)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--noise-sd", "40:30"), "--noise-sd"),
        (("--noise-sd", "-5"), "--noise-sd"),
        (("--noise-sd", "many"), "--noise-sd"),
        (("--planes", 0), "--planes"),
        (("--seed", -1), "--seed"),
        (("--display", "bright"), "--display"),
        (("--method", "median"), "median"),
        (("--result", "mine"), "--result"),
        (("--result", "mine=missing"), "missing"),
        (("--noisy", "missing"), "missing"),
        (("--result", "a=x", "--result", "a=y"), "'a' (--result) is given twice"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    clean: Path, tmp_path: Path, arguments: tuple[object, ...], what: str
) -> None:
    out = tmp_path / "out"
    assert what in refusal(clean, "--out", out, *arguments)
    assert not out.exists()


@pytest.mark.long
def test_a_report_is_kept_unless_told(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = ("--method", "noisy", "--method", "tv", "--out", out)
    assert call(clean, *both).exit_code == 0
    assert "--overwrite" in refusal(clean, *both)
    assert call(clean, "--method", "tv", "--out", out, "--overwrite").exit_code == 0
    # One method has none to be compared with, and what an earlier report said is gone.
    assert not (out / "comparison.csv").exists()
    assert "Paired statistics" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_the_reports_command_gives_the_same_figures(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    methods = ("--method", "noisy", "--method", "crispim-2d")
    note = ("--note", "Planes of a friend's.")
    options = ("--planes", 2, "--seed", 5, "--noise-sd", "10:12", *note, "--out", out)
    result = call(clean, *methods, *options)
    assert result.exit_code == 0, result.output
    content = json.loads((out / "report.json").read_text())
    assert content["notes"] == ["Planes of a friend's."]
    assert content["recipes"]["crispim-2d"]["recipe"]["architecture"] == "stabilised-2d"
    before = (out / "evaluation.csv").read_bytes()
    program, subcommand, *arguments = shlex.split(content["command"])
    assert (program, subcommand) == ("crispim-ij", "evaluate")
    assert call(*arguments, "--overwrite").exit_code == 0
    assert (out / "evaluation.csv").read_bytes() == before


# Keras 2 calls what newer NumPy and TensorFlow have deprecated.
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_file_of_keras_2_is_measured_and_stands_in_the_report(
    clean: Path, tmp_path: Path
) -> None:
    file = tmp_path / "theirs.keras"
    write_paper_2d(file)
    out = tmp_path / "out"
    result = call(clean, "--method", file, "--planes", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert [row["method"] for row in read(out / "summary.csv")] == ["theirs"]
    recipes = json.loads((out / "report.json").read_text())["recipes"]
    assert recipes["theirs"]["imported_from"] == "theirs.keras"


@pytest.mark.long
def test_names_are_printed_as_they_are(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "[bold]out"
    result = call(clean, "--result", f"[red]mine:100:={clean}", "--out", out)
    assert result.exit_code == 0, result.output
    assert "[red]mine:100: " in result.output
    assert str(out / "report.html") in result.output


@pytest.mark.long
def test_what_makes_figures_doubtful_is_told_and_stands_in_the_report(
    tmp_path: Path, volume: NDArray[np.uint16]
) -> None:
    noise = np.random.default_rng(0).normal(0, 50, volume.shape)
    raw = np.clip(volume + noise, 0, None).astype(np.uint16)
    tifffile.imwrite(tmp_path / "raw.tif", raw, imagej=True)
    out = tmp_path / "out"
    result = call(tmp_path / "raw.tif", "--method", "noisy", "--planes", 1, "--out", out)
    assert result.exit_code == 0, result.output
    (note,) = json.loads((out / "report.json").read_text())["notes"]
    assert "even a perfect result would score no better" in note
    assert note in result.stderr


@pytest.mark.long
def test_bm3d_stands_in_the_report(clean: Path, tmp_path: Path) -> None:
    pytest.importorskip("bm3d")
    out = tmp_path / "out"
    result = call(clean, "--method", "noisy", "--method", "bm3d", "--planes", 1, "--out", out)
    assert result.exit_code == 0, result.output
    figures = {row["method"]: float(row["psnr"]) for row in read(out / "summary.csv")}
    assert figures["bm3d"] > figures["noisy"] + 1
    assert json.loads((out / "report.json").read_text())["recipes"] == {}


def test_missing_input_is_refused(tmp_path: Path) -> None:
    assert "missing" in refusal(tmp_path / "missing", "--out", tmp_path / "out")


def test_output_in_the_input_is_refused(tmp_path: Path, volume: NDArray[np.uint16]) -> None:
    folder = tmp_path / "planes"
    folder.mkdir()
    tifffile.imwrite(folder / "1.tif", volume[0])
    assert "output" in refusal(folder, "--method", "noisy", "--out", folder)


@pytest.mark.long
def test_clean_planes_that_were_denoised_are_named(tmp_path: Path, clean: Path) -> None:
    denoised = tmp_path / "denoised.tif"
    with open_source(clean) as source:
        sink = create_sink(denoised, source)
        sink.sign({"crispim-ij": "0.1.0", "command": "denoise", "model": "crispim-2d"})
        with sink:
            for k in range(len(source)):
                sink.write(k, source.read(k))
    result = call(denoised, "--method", "noisy", "--planes", 1, "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert "denoised.tif' was denoised already" in " ".join(result.stderr.split())


def test_without_a_clean_plane(call: Call, grainy: Path, tmp_path: Path) -> None:
    out = tmp_path / "ranked"
    given = ("evaluate", grainy, "--no-clean", "--planes", 2, "--out", out)
    methods = ("--method", "noisy", "--method", "gaussian-tuned")
    answer = call(*given, *methods)
    assert answer.status == 0, answer.err
    assert "Best here: gaussian-tuned at strength 3, estimated error " in answer.out
    header, first, second = (out / "ranking.csv").read_text().splitlines()
    assert header == "method,strength,error,low,high,noise"
    assert (first.split(",")[0], second.split(",")[0]) == ("gaussian-tuned", "noisy")
    assert "exists already" in call(*given, *methods).err
    told = call(*given, *methods, "--noise", 30, "--overwrite", "--json")
    assert json.loads(told.out)["ranking"][1]["noise"] == 30
    wrong = call(*given, *methods, "--noise", 80, "--overwrite")
    assert "Best here" not in wrong.out
    assert "Errors came out below 0 (gaussian-tuned)" in " ".join(wrong.err.split())
    wrong = json.loads(call(*given, *methods, "--noise", 80, "--overwrite", "--json").out)
    assert wrong["ranking"][0]["error"] is None
    assert wrong["notes"][0].startswith("Errors came out below 0")
    assert "--noise-sd is for clean planes" in call(*given, "--noise-sd", 5).err
    assert "--noise tells the noise of noisy planes" in call("evaluate", grainy, "--noise", 5).err
