from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import uniform_filter

from crispim_ij.cli.preview import _plain
from tests.cli.conftest import Call
from tests.guessing import guessing_model


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is called."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_a_picture_and_advice(call: Call, noisy: Path, folder: Path) -> None:
    model = ("--model", guessing_model(folder / "guesses").folder)
    answer = call("preview", noisy, *model)
    assert answer.status == 0, answer.err
    assert "Plane 1 of 3 (from 0), 1.tif: all of its 60 x 40 px" in answer.out
    assert "guesses was trained on sd 10 to 60 counts; this is stronger" in answer.out
    assert "These models fit: crispim-2d" in answer.out
    for begins in ("Noise: sd ", "Precision: ", "Whole run: about ", "Command: crispim-ij denoise"):
        assert f"\n{begins}" in answer.out
    written = folder / "preview-noisy-guesses.png"
    with Image.open(written) as picture:
        assert picture.format == "PNG"
    before = written.read_bytes()
    again = call("preview", noisy, *model, "--plane", 2)
    assert again.status == 2
    assert "--overwrite to replace it" in " ".join(again.err.split())
    assert written.read_bytes() == before
    assert call("preview", noisy, *model, "--plane", 2, "--overwrite").status == 0
    assert written.read_bytes() != before


def test_for_scripts(call: Call, noisy: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "other.png"
    answer = call(
        "preview", noisy, "--model", model, "--plane", 2, "--crop", "4:8:20", "--out", out, "--json"
    )
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert (found["plane"], found["planes"], found["name"]) == (2, 3, "2.tif")
    assert found["crop"] == [[4, 24], [8, 28]]
    assert found["model"]["fits"] is None
    assert found["whole run"]["size"] == 3 * 40 * 60 * 2
    assert out.is_file()


def test_a_channel(call: Call, model: Path, tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(50, 500, (3, 2, 40, 60), np.uint16)
    tifffile.imwrite(tmp_path / "two.tif", planes, imagej=True, metadata={"axes": "ZCYX"})
    answer = call("preview", tmp_path / "two.tif", "--model", model, "--channel", 2)
    assert answer.status == 0, answer.err
    assert "Plane 1 of 3 (from 0), two_z0002_c0002.tif" in answer.out


@pytest.mark.parametrize(
    ("path", "name"),
    [("scan", "scan"), ("a/b.ome.tif", "b"), ("b.v2.TIFF", "b.v2"), ("x.ome.zarr", "x")],
)
def test_a_picture_is_called_as_the_stack(path: str, name: str) -> None:
    assert _plain(Path(path)) == name


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--plane", "3"], "choose one from 0 to 2"),
        (["--crop", "4:8"], "Y:X:SIZE"),
        (["--crop", "30:0:20"], "reaches beyond"),
        (["--out", "scan.tif"], "a name that ends in .png"),
        (["--model", "crispim-2e"], "did you mean 'crispim-2d'"),
    ],
)
def test_faults(call: Call, noisy: Path, folder: Path, options: list[str], says: str) -> None:
    answer = call("preview", noisy, *options)
    assert answer.status == 2
    assert says in " ".join(answer.err.split())
    assert not list(folder.iterdir())


def test_nothing_is_written_among_the_planes(call: Call, noisy: Path) -> None:
    answer = call("preview", noisy, "--out", noisy / "preview.png")
    assert answer.status == 2
    assert "give an output outside of the input" in " ".join(answer.err.split())
    assert len(list(noisy.iterdir())) == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "answers", "lacks", "mark"),
    [
        ((50, 120), b"", "", "▀"),
        ((50, 120), b"", "textual_image", "Picture: "),
        pytest.param((50, 120), b"\x1b[?62;4c", "", "\x1bP", marks=pytest.mark.slow),
        pytest.param((0, 0), b"", "", "Picture: ", marks=pytest.mark.slow),
    ],
)
def test_a_terminal_is_shown_the_crop(
    noisy: Path,
    model: Path,
    folder: Path,
    size: tuple[int, int],
    answers: bytes,
    lacks: str,
    mark: str,
) -> None:
    """In half blocks, as a Sixel picture where the terminal knows them, or only in a file.

    In a file alone, too, where what does it is not installed.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    script = (
        f"import sys; sys.modules[{lacks!r}] = None; from crispim_ij.cli.main import run; run()"
    )
    command = [sys.executable, "-c", script, "preview", str(noisy), "--model", str(model)]
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    os.close(follower)
    # Ahead of the question: the command waits a tenth of a second, and this machine may be busy.
    os.write(leader, answers)
    said = b""
    while select.select([leader], [], [], 120)[0]:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        said += part
    os.close(leader)
    assert process.wait(60) == 0
    assert mark in said.decode()
    assert ("noisy | denoised | difference" in said.decode()) == (mark != "Picture: ")


@pytest.mark.long
def test_what_a_model_is_told(call: Call, grainy: Path, told: Path, folder: Path) -> None:
    answer = call("preview", grainy, "--model", told)
    assert answer.status == 0, answer.err
    assert "\nNoise: sd " in answer.out
    assert "\nModel: told is told the noise, which fits." in answer.out
    assert "--noise" not in answer.out
    found = json.loads(call("preview", grainy, "--model", told, "--overwrite", "--json").out)
    assert found["told"] == found["noise"]["noise"]
    assert found["told"]["read_noise"] == pytest.approx(30, rel=0.05)


def test_the_error_at_noise_that_pixels_share(call: Call, told: Path, folder: Path) -> None:
    planes = uniform_filter(np.random.default_rng(0).normal(300, 60, (3, 64, 64)), (0, 2, 2))
    tifffile.imwrite(folder / "in.tif", planes.astype(np.uint16), photometric="minisblack")
    out = " ".join(call("preview", folder / "in.tif", "--model", told).out.split())
    assert "in all, shared by neighbouring pixels" in out
    assert "Estimated error: " in out
    assert "Error: " not in out  # with which faults begin
    assert ", which fine structure may be a part of" in out
    found = call("preview", folder / "in.tif", "--model", told, "--overwrite", "--json")
    assert json.loads(found.out)["noise"]["whole"]["read_noise"] == pytest.approx(30, rel=0.1)


@pytest.mark.long
def test_the_noise_may_be_told(call: Call, grainy: Path, told: Path, folder: Path) -> None:
    said = ["preview", grainy, "--model", told, "--noise", "2:100:6", "--strength", 1.5]
    found = json.loads(call(*said, "--json").out)
    assert found["told"] == {"gain": 4.5, "offset": 100.0, "read_noise": 9.0}
    assert found["noise"]["noise"]["read_noise"] == pytest.approx(30, rel=0.05)
    assert found["notes"] == []
    command = call(*said, "--overwrite").out.partition("\nCommand: ")[2].splitlines()[0]
    assert f"--model {told} --noise 2:100:6 --strength 1.5" in command


@pytest.mark.parametrize("given", [5, 100])
def test_noise_that_the_planes_do_not_show_is_doubted(
    call: Call, grainy: Path, told: Path, folder: Path, given: int
) -> None:
    command = ["preview", grainy, "--model", told, "--noise", given]
    doubt = f"Noise of sd {given} counts was given, and the planes show "
    assert doubt in " ".join(call(*command).out.split())
    (note,) = json.loads(call(*command, "--overwrite", "--json").out)["notes"]
    assert note.startswith(doubt)


@pytest.mark.long
def test_an_error_below_zero_is_none(call: Call, grainy: Path, folder: Path) -> None:
    """As where noise is given too strong: it was 0 counts."""
    command = ["preview", grainy, "--model", "crispim-2d", "--noise", 100]
    assert "Estimated error: none, as it came out below 0" in " ".join(call(*command).out.split())
    found = json.loads(call(*command, "--overwrite", "--json").out)
    assert found["estimated error"] == {"counts": None, "crispim-2d": None}


def test_constant_planes_are_shown_as_they_are(call: Call, told: Path, folder: Path) -> None:
    planes = np.full((2, 40, 60), 200, np.uint16)
    tifffile.imwrite(folder / "in.tif", planes, photometric="minisblack")
    answer = call("preview", folder / "in.tif", "--model", told)
    assert answer.status == 0, answer.err
    assert "Noise: not measured: The planes are constant" in answer.out
    assert "told is told the noise, which could not be measured here." in answer.out


def test_a_model_that_guesses_is_told_nothing(
    call: Call, noisy: Path, model: Path, folder: Path
) -> None:
    answer = call("preview", noisy, "--model", model, "--noise", 25)
    assert answer.status == 2
    assert "guesses the noise" in " ".join(answer.err.split())
    assert not list(folder.iterdir())
    found = json.loads(call("preview", noisy, "--model", model, "--json").out)
    assert found["told"] is None


@pytest.mark.parametrize("option", [("--noise", "much"), ("--strength", "0.1")])
def test_bad_noise(
    call: Call, grainy: Path, told: Path, folder: Path, option: tuple[str, str]
) -> None:
    answer = call("preview", grainy, "--model", told, *option)
    assert answer.status == 2
    assert option[0] in " ".join(answer.err.split())
    assert not list(folder.iterdir())
