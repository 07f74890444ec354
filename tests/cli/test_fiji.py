from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising import load_denoiser
from crispim_ij.imagej import csbdeep
from crispim_ij.imagej.gateway import open_gateway
from crispim_ij.imagej.model_zip import read_model_zip
from crispim_ij.noise import CameraNoise
from crispim_ij.planes import open_source
from tests.cli.conftest import Call
from tests.exporting.random_models import random_model
from tests.guessing import guessing_model
from tests.imagej.csbdeep_standin import Fiji, write_zip
from tests.imagej.fiji_folder import CSBDEEP, FIJI, add_native, content, make_fiji, replaced

REAL_FIJI = os.environ.get("CRISPIM_FIJI", "")
needs_fiji = pytest.mark.skipif(not REAL_FIJI, reason="CRISPIM_FIJI is not set")


@pytest.fixture(autouse=True)
def _no_fiji(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRISPIM_FIJI", raising=False)


@pytest.fixture
def fiji(tmp_path: Path) -> Path:
    return make_fiji(tmp_path / "my Fiji.app", *FIJI, *CSBDEEP)


def test_doctor_where_nothing_is_broken(call: Call, tmp_path: Path) -> None:
    answer = call("fiji", "doctor", "--fiji-home", make_fiji(tmp_path / "[b]F", *FIJI))
    assert answer.status == 0
    assert f"ImageJ 1.54f, ImageJ2 2.15.0 in {tmp_path}/[b]F" in answer.out.replace("\n", "")
    assert "broken" not in answer.out
    assert "note: Plugin CSBDeep: to run exported models in this Fiji, turn on" in answer.out


def test_doctor_where_something_is(call: Call, tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "F", *replaced("protobuf-java", "protobuf-java-4.28.2"))
    answer = call("fiji", "doctor", "--fiji-home", home)
    assert answer.status == 1
    assert "protobuf-java 4.28.2 breaks TensorFlow 1" in answer.out
    assert "broken: TensorFlow, `crispim-ij fiji denoise`: turn on the update site" in answer.out


@pytest.mark.long
def test_install_again_and_uninstall(call: Call, fiji: Path) -> None:
    add_native(fiji, loads=False)
    libraries = content(fiji / "lib")
    first = call("fiji", "install", fiji)
    assert first.status == 0, first.err
    lines = first.out.splitlines()
    assert f"installed: {fiji}/plugins/CRISPIM/CRISPIM_Preprocess.ijm" in lines
    assert f"installed: {fiji}/macros/toolsets/CRISPIM_Toolset.ijm" in lines
    assert f"installed: {fiji}/models/CRISPIM/crispim-2d.zip" in lines
    assert read_model_zip(fiji / "models/CRISPIM/crispim-3d.zip").gives_stacks
    changed = fiji / "plugins/CRISPIM/CRISPIM_Compare.ijm"
    changed.write_text("my own")
    again = call("fiji", "install", fiji).out.splitlines()
    assert again[0] == f"kept: {changed} (not as it was installed)"
    assert all(line.startswith("unchanged: ") for line in again[1:-1])
    left = call("fiji", "install", fiji, "--uninstall").out
    assert left.count("removed: ") == len(lines) - 2
    assert sorted(path for path in fiji.rglob("*CRISPIM_*")) == [changed]
    assert content(fiji / "lib") == libraries


def test_install_into_what_is_no_fiji(call: Call, tmp_path: Path) -> None:
    answer = call("fiji", "install", tmp_path)
    assert (answer.status, answer.out) == (2, "")
    assert "is an empty folder" in answer.err
    assert "is no folder" in call("fiji", "install", "sc.fiji:fiji").err


def test_macro_prints_its_log_and_what_it_returns(call: Call, tmp_path: Path) -> None:
    file = tmp_path / 'a "macro" é.ijm'
    file.write_text('print("log:", getArgument());\nreturn "done";', encoding="utf-8")
    answer = call("fiji", "macro", file, 'input=C:\\new "é" [red]x[/red]', "b=")
    assert answer.status == 0, answer.err
    assert answer.out == 'log: input=C:\\new "é" [red]x[/red]\nb=\ndone\n'


def test_a_macro_that_fails_ends_with_its_message(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "m.ijm"
    file.write_text('x = 1;\nexit("There are no planes.");')
    answer = call("fiji", "macro", file)
    assert answer.status == 2
    assert "Error: The ImageJ macro failed: There are no planes; mend" in answer.err


def test_a_macro_that_ships(call: Call) -> None:
    answer = call("fiji", "macro", "CRISPIM_Preprocess", "input=/nowhere")
    assert answer.status == 2
    assert "CRISPIM_Preprocess: The input /nowhere does not exist" in answer.err


def test_wrong_arguments_of_a_macro_start_nothing(call: Call, tmp_path: Path) -> None:
    answer = call("fiji", "macro", "CRISPIM_Preprocess", "input=a\nb=c")
    assert (answer.status, answer.out) == (2, "")
    assert "has a line break" in answer.err


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Fiji:
    """A Fiji that is there at once; all but its start is as it will be, in a Java that runs."""
    open_gateway()
    started = Fiji()
    monkeypatch.setattr(csbdeep, "start_fiji", lambda home, heap: started)
    return started


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """An ImageJ stack with a pixel size and a display range."""
    path = tmp_path / "in.tif"
    planes = np.random.default_rng(0).integers(50, 500, (3, 40, 60), np.uint16)
    planes[0, 0, 0] = 65000
    tifffile.imwrite(
        path,
        planes,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZYX", "unit": "um", "spacing": 3, "min": 60.0, "max": 400.0},
    )
    return path


def test_denoise_keeps_type_and_metadata(
    call: Call, fiji: Path, stack: Path, stand_in: Fiji, tmp_path: Path
) -> None:
    stand_in.network = lambda image: image + 1000.5
    answer = call(
        *("fiji", "denoise", stack, tmp_path / "out.tif", "--fiji-home", fiji),
        *("--model", write_zip(tmp_path / "m.zip")),
    )
    assert answer.status == 0, answer.err
    assert f"3 denoised planes written to {tmp_path}/out.tif" in answer.out
    given = tifffile.imread(stack).astype(float)
    expected = np.clip(np.rint(given + 1000.5), 0, 65535).astype(np.uint16)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), expected)
    with open_source(stack) as before, open_source(tmp_path / "out.tif") as after:
        assert after.dtype == np.uint16
        assert after.metadata.pixel_size == before.metadata.pixel_size == (0.5, 0.5)
        assert (after.metadata.unit, after.metadata.z_step) == ("µm", 3)
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert tif.imagej_metadata
        assert (tif.imagej_metadata["min"], tif.imagej_metadata["max"]) == (60, 400)
    assert len(stand_in.runs) == 3
    assert stand_in.stored == {}


@pytest.mark.long
def test_denoise_takes_a_channel(
    call: Call, fiji: Path, interleaved: Path, stand_in: Fiji, tmp_path: Path
) -> None:
    call("fiji", "macro", "CRISPIM_Preprocess", "input=/nowhere")  # Java's streams must be there.
    stand_in.network = lambda image: image
    arguments = ("fiji", "denoise", interleaved, tmp_path / "out.tif", "--fiji-home", fiji)
    answer = call(*arguments, "--model", write_zip(tmp_path / "m.zip"), "--channel", 2)
    assert answer.status == 0, answer.err
    channel = tifffile.imread(interleaved)[:, 1]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), channel)


@pytest.mark.long
def test_a_plugin_that_gives_nothing_leaves_nothing(
    call: Call, fiji: Path, stack: Path, stand_in: Fiji, tmp_path: Path
) -> None:
    call("fiji", "macro", "CRISPIM_Preprocess", "input=/nowhere")  # Java's streams must be there.
    stand_in.fails = True
    answer = call(
        *("fiji", "denoise", stack, tmp_path / "out", "--fiji-home", fiji),
        *("--model", write_zip(tmp_path / "m.zip")),
    )
    assert answer.status == 2
    assert "CSBDeep's plugin gave no result" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_compare_says_how_far_python_is(
    call: Call, fiji: Path, stack: Path, stand_in: Fiji, tmp_path: Path, model: Path
) -> None:
    from crispim_ij.denoising import load_denoiser

    network = load_denoiser(str(model))
    stand_in.network = network
    arguments = ("fiji", "denoise", stack, tmp_path / "out", "--fiji-home", fiji)
    options = ("--model", model, "--compare", "--tile", 64)
    answer = call(*arguments, *options)
    assert answer.status == 0, answer.err
    assert "equal: Fiji's counts differ from Python's by at most" in answer.out
    assert stand_in.runs[0]["nTiles"] > 1
    stand_in.network = lambda image: network(image) + np.float32(0.25)
    answer = call(*arguments, *options, "--overwrite")
    assert answer.status == 1
    assert "different: Fiji's counts differ from Python's by at most 0.25" in answer.out


@pytest.fixture
def interleaved(tmp_path: Path) -> Path:
    """A stack of two channels, whose planes are one of each in turn."""
    planes = np.random.default_rng(0).integers(50, 500, (3, 2, 40, 60), np.uint16)
    tifffile.imwrite(tmp_path / "two.tif", planes, imagej=True, metadata={"axes": "ZCYX"})
    return tmp_path / "two.tif"


@pytest.mark.long
def test_a_3d_model_gives_what_the_command_gives(
    call: Call, fiji: Path, interleaved: Path, stand_in: Fiji, tmp_path: Path
) -> None:
    folder = random_model("residual-2.5d", tmp_path).folder
    stand_in.network = load_denoiser(str(folder))
    arguments = ["fiji", "denoise", interleaved, tmp_path / "fiji.tif", "--fiji-home", fiji]
    answer = call(*arguments, "--model", folder, "--compare")
    assert answer.status == 0, answer.err
    assert "equal: Fiji's counts differ" in answer.out
    assert [run["input"].shape[0] for run in stand_in.runs] == [5] * 6
    assert call("denoise", interleaved, tmp_path / "py.tif", "--model", folder).status == 0
    np.testing.assert_array_equal(
        *(tifffile.imread(tmp_path / name) for name in ("fiji.tif", "py.tif"))
    )


def test_a_3d_model_needs_slices(call: Call, fiji: Path, tmp_path: Path) -> None:
    planes = np.full((3, 40, 60), 100, np.uint16)
    tifffile.imwrite(tmp_path / "t.tif", planes, imagej=True, metadata={"axes": "TYX"})
    arguments = ["fiji", "denoise", tmp_path / "t.tif", tmp_path / "out", "--fiji-home", fiji]
    answer = call(*arguments, "--model", "crispim-3d")
    assert answer.status == 2
    assert "a 3D model needs slices" in answer.err


@pytest.fixture
def smooth(tmp_path: Path) -> Path:
    """A stack whose noise can be measured."""
    rng = np.random.default_rng(0)
    light = 400 + 150 * np.sin(np.arange(256) / 40)
    planes = rng.normal(light, 30, (3, 256, 256)).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "smooth.tif", planes, photometric="minisblack")
    return tmp_path / "smooth.tif"


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "is_zip"),
    [
        pytest.param([], False, id="measured"),
        pytest.param(
            ["--noise", "2:100:5", "--strength", 1.5], True, id="told", marks=pytest.mark.slow
        ),
    ],
)
def test_a_model_that_is_told_the_noise(
    call: Call,
    fiji: Path,
    smooth: Path,
    stand_in: Fiji,
    tmp_path: Path,
    options: list[object],
    is_zip: bool,
) -> None:
    call("fiji", "macro", "CRISPIM_Preprocess", "input=/nowhere")  # Java's streams must be there.
    folder = random_model("stabilised-2d", tmp_path).folder
    # A noise of sd 1 leaves values as they are.
    stand_in.network = load_denoiser(str(folder)).told(CameraNoise(0, 0, 1))
    meta = {"axes_div_by": [8, 8, 1], "tile_overlap": [80, 80, 0], "input_scaling": "noise"}
    model = write_zip(tmp_path / "m.zip", **meta) if is_zip else folder
    arguments = ["fiji", "denoise", smooth, tmp_path / "fiji.tif", "--fiji-home", fiji]
    compare = [] if is_zip else ["--compare"]
    answer = call(*arguments, "--model", model, *compare, *options)
    assert answer.status == 0, answer.err
    assert ("equal: Fiji's counts" in answer.out) != is_zip
    assert answer.out.startswith("3 denoised planes") == bool(options)  # what was measured is said
    assert call("denoise", smooth, tmp_path / "py.tif", "--model", folder, *options).status == 0
    results = [tifffile.imread(tmp_path / name) for name in ("fiji.tif", "py.tif")]
    np.testing.assert_array_equal(*results)
    assert np.abs(results[0] - tifffile.imread(smooth).astype(float)).mean() > 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "No Fiji is named"),
        (["--fiji-home", "/nowhere"], "does not exist"),
        (["--fiji-home", "FIJI", "--model", "m.zip", "--compare"], "--compare can't run in Python"),
        (["--fiji-home", "FIJI", "--model", "no.zip"], "is no zip that"),
        (["--fiji-home", "FIJI", "--heap", "much"], "--heap"),
        (
            ["--fiji-home", "FIJI", "--noise", "35", "--model", "GUESSES"],
            "'guesses' guesses the noise",
        ),
        (["--fiji-home", "FIJI", "--strength", "3"], "must be from 0.5 to 2"),
        (["--fiji-home", "OLD"], "TensorFlow can't load"),
    ],
)
def test_wrong_options_of_denoise(
    call: Call, fiji: Path, stack: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    old = make_fiji(tmp_path / "old", *replaced("imagej-t", "imagej-tensorflow-1.1.8"))
    guesses = guessing_model(tmp_path / "guesses")
    names = {"FIJI": str(fiji), "OLD": str(old), "GUESSES": str(guesses.folder)}
    chosen = [names.get(option, option) for option in options]
    answer = call("fiji", "denoise", stack, tmp_path / "out", *chosen)
    assert answer.status == 2
    assert says in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.fiji
@needs_fiji
@pytest.mark.parametrize("model", ["crispim-2d", "crispim-3d"])
def test_a_real_fiji_gives_what_python_gives(stack: Path, tmp_path: Path, model: str) -> None:
    code = "from crispim_ij.cli.main import run; run()"
    arguments = ["fiji", "denoise", stack, tmp_path / "out.tif", "--fiji-home", REAL_FIJI]
    command = [sys.executable, "-c", code, *arguments, "--model", model, "--compare"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "equal: Fiji's counts differ from Python's" in answer.stdout
    assert tifffile.imread(tmp_path / "out.tif").dtype == np.uint16


@pytest.mark.fiji
@needs_fiji
def test_the_doctor_of_a_real_fiji_finds_nothing_broken(call: Call) -> None:
    answer = call("fiji", "doctor", "--fiji-home", REAL_FIJI)
    assert answer.status == 0, answer.out
