"""What goes to which stream, and how it looks there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

COMMAND = [sys.executable, "-c", "from crispim_ij.cli.main import run; run()"]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|4[0-7]|48|9[0-7]|10[0-7])(?:;\d+)*m")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")


def on_terminal(*arguments: str, out: bool, **environment: str) -> tuple[str, str]:
    """What a command says on a terminal: on standard output's, or on standard error's.

    Return what the terminal shows and what the other stream, a pipe, gets.
    """
    import pty

    ours, theirs = pty.openpty()
    given = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    given |= {"TERM": "xterm-256color", "COLUMNS": "100", **environment}
    streams = {"stdout": theirs, "stderr": subprocess.PIPE}
    if not out:
        streams = {"stdout": subprocess.PIPE, "stderr": theirs}
    with subprocess.Popen([*COMMAND, *arguments], env=given, **streams) as run:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # as Linux says at the end
                break
            if not piece:
                break
            shown += piece
        other = run.communicate()[1 if out else 0]
    os.close(ours)
    return shown.decode(), other.decode()


@pytest.fixture
def planes(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((3, 64, 64), np.uint16), imagej=True)
    return tmp_path / "in.tif"


def test_a_log_file_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from crispim_ij.cli import console

    monkeypatch.setattr(console, "LINE_EVERY", 0.05)
    with console.progress_bar("denoising", 40, "planes") as bar:
        bar.advance(0, 8)
        bar.advance(0, 2)
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(re.fullmatch(r"denoising: 10 of 40 planes, \d+ s left", line) for line in lines)


@posix
@pytest.mark.parametrize(
    "command",
    [pytest.param(["--help"], marks=pytest.mark.long), ["denoise", "--help"]],
    ids=" ".join,
)
def test_colours_on_standard_output(command: list[str]) -> None:
    assert COLOUR.search(on_terminal(*command, out=True)[0])
    plain, _ = on_terminal(*command, out=True, NO_COLOR="1")
    assert "Usage" in plain
    assert not COLOUR.search(plain)


@posix
def test_colours_on_standard_error() -> None:
    assert COLOUR.search(on_terminal("denoise", "nowhere", "out", out=False)[0])
    plain, _ = on_terminal("denoise", "nowhere", "out", out=False, NO_COLOR="1")
    assert "Error: " in plain
    assert not COLOUR.search(plain)


@posix
def test_a_bar_on_a_terminal_and_results_elsewhere(planes: Path, tmp_path: Path) -> None:
    shown, result = on_terminal("preprocess", str(planes), str(tmp_path / "out"), out=False)
    assert "preprocessing" in shown
    assert "3/3" in shown
    assert "written to" not in shown
    assert result.startswith("3 planes of 16 x 16 px written to ")


@posix
@pytest.mark.long
def test_what_takes_seconds_is_said_on_a_terminal(planes: Path, tmp_path: Path) -> None:
    shown, _ = on_terminal("denoise", str(planes), str(tmp_path / "out"), out=False)
    places = [shown.index(word) for word in ("starting TensorFlow", "starting", "denoising")]
    assert places[0] < places[2]


def test_no_bar_and_no_colour_in_pipes(planes: Path, tmp_path: Path) -> None:
    given = [*COMMAND, "preprocess", str(planes), str(tmp_path / "out")]
    answer = subprocess.run(given, check=True, capture_output=True, text=True)
    assert answer.stderr == ""
    assert len(answer.stdout.splitlines()) == 1
    assert "\x1b" not in answer.stdout


def test_errors_go_to_standard_error(tmp_path: Path) -> None:
    given = [*COMMAND, "denoise", str(tmp_path / "nowhere"), "out"]
    answer = subprocess.run(given, capture_output=True, text=True)
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: ")
    assert "\x1b" not in answer.stderr
