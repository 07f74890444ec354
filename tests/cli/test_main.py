from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from crispim_ij import __version__
from crispim_ij.imagej.jars import IMAGEJ
from tests.cli.conftest import Call

HEAVY = ("tensorflow", "keras", "cv2", "jpype", "scyjava", "imagej", "skimage", "matplotlib")
IMPORTED = """
import sys
from crispim_ij.cli.main import run
sys.argv[0] = "crispim-ij"
try:
    run()
except SystemExit as end:
    assert not end.code, end.code
print([name for name in {heavy} if name in sys.modules])
"""
HELPS = """
import contextlib, io, json, sys
from crispim_ij.cli.main import run
found = {{}}
for command in {commands}:
    sys.argv = ["crispim-ij", *command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            run()
        except SystemExit as end:
            assert not end.code, end.code
    heavy = [name for name in {heavy} if name in sys.modules]
    found[" ".join(command)] = [said.getvalue(), heavy]
print(json.dumps(found))
"""
COMMANDS = [
    [],
    ["demo"],
    ["preprocess"],
    ["denoise"],
    ["evaluate"],
    ["train"],
    ["export"],
    ["models"],
    ["models", "list"],
    ["models", "show"],
    ["models", "import"],
    ["fiji"],
    ["fiji", "doctor"],
    ["fiji", "install"],
    ["fiji", "macro"],
    ["fiji", "denoise"],
    ["fiji", "check"],
    ["fiji", "fetch"],
]


@pytest.fixture(scope="module")
def helps() -> dict[str, tuple[str, list[str]]]:
    """What each command's help says, and what is imported after it, in one process for all."""
    script = HELPS.format(commands=COMMANDS, heavy=(*HEAVY, "jgo", "xarray"))
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, tuple[str, list[str]]] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(
    helps: dict[str, tuple[str, list[str]]], command: list[str]
) -> None:
    said, heavy = helps[" ".join(command)]
    assert " ".join(["Usage: crispim-ij", *command]) in said
    assert not heavy


def test_the_check_of_imports_can_fail() -> None:
    script = "import cv2\n" + IMPORTED.format(heavy=HEAVY)
    answer = subprocess.run(
        [sys.executable, "-c", script, "--help"], capture_output=True, text=True
    )
    assert answer.stdout.splitlines()[-1] == "['cv2']"


def test_version() -> None:
    script = IMPORTED.format(heavy=HEAVY)
    answer = subprocess.run(
        [sys.executable, "-c", script, "--version"], check=True, capture_output=True, text=True
    )
    *lines, heavy = answer.stdout.splitlines()
    said = dict(line.split(" ", 1) for line in lines)
    assert heavy == "[]"
    assert lines[0] == f"crispim-ij {__version__}"
    assert said["tensorflow"] == version("tensorflow")
    assert said["ImageJ"] == IMAGEJ.version
    assert said.keys() == {
        "crispim-ij", "Python", "tensorflow", "keras", "numpy", "tifffile", "zarr", "pyimagej",
        "scyjava", "ImageJ",
    }  # fmt: skip


def test_debug_shows_the_traceback(call: Call) -> None:
    arguments = ["denoise", "nowhere", "out"]
    plain = call(*arguments)
    assert plain.status == 2
    assert "Traceback" not in plain.err
    for place in ([*arguments, "--debug"], ["--debug", *arguments]):
        debugged = call(*place)
        assert "Traceback" in debugged.err
        assert "nowhere" in debugged.err
