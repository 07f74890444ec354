"""No path or value becomes a part of a macro or of a shell's command."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import open_gateway
from crispim_ij.imagej.macro_files import macro_argument

MACRO = (Path(__file__).parents[2] / "macros/CRISPIM_Denoise_CLI.ijm").read_text(encoding="utf-8")
ECHO = "return getArgument();"

ODD = [
    'a"; File.makeDirectory("MARK"); "b',
    "a'; touch MARK; '",
    "$(touch MARK)",
    "`touch MARK`",
    'a\\"); exec("touch", "MARK"); ("',
    "x] model=[evil",
    "-o MARK",
    "a|touch MARK",
    "a & touch MARK",
    "%PATH%",
    "é 雪 😀",
]


@pytest.mark.parametrize("value", ODD)
def test_a_macro_is_given_what_was_given(tmp_path: Path, value: str) -> None:
    mark = tmp_path / "mark"
    given_value = value.replace("MARK", str(mark))
    argument = macro_argument([f"input={given_value}"])
    assert open_gateway().run_macro(ECHO, argument) == f"input={given_value}"
    assert not mark.exists()


@given(st.text(max_size=50))
def test_no_value_makes_two_arguments(value: str) -> None:
    try:
        argument = macro_argument(["input=" + value, "output=x"])
    except CrispimError:
        return
    assert argument.splitlines() == ["input=" + value, "output=x"]
    # What ImageJ's macros and Java take for a line's end.
    assert argument.count("\n") == 1
    assert "\r" not in argument


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """A command that answers as crispim-ij does, and writes down what it was given."""
    if os.name == "nt":
        pytest.skip("a script with a first line that names its shell")
    command, record = tmp_path / "crispim-ij", tmp_path / "given"
    command.write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && { echo "crispim-ij 0"; exit; }\n'
        f"printf '%s\\0' \"$@\" > '{record}'\n"
        f'ls -ld "$(dirname "$8")" > \'{record}.mode\'\n'
        "echo 'Error: seen'\n"
    )
    command.chmod(0o755)
    return record


@pytest.mark.parametrize("value", ODD)
def test_the_command_is_given_paths_whole(tmp_path: Path, seen: Path, value: str) -> None:
    mark = tmp_path / "mark"
    name = value.replace("MARK", str(mark))
    command = seen.parent / "crispim-ij"
    argument = f"command={command}\nmodel={name}\ninput=/{name}\noutput=/out {name}"
    with pytest.raises(CrispimError, match="seen"):
        open_gateway().run_macro(MACRO, argument)
    words = seen.read_bytes().decode().split("\0")
    assert f"--model={name}" in words
    assert words[words.index("--") + 1 :] == [f"/{name}", f"/out {name}", ""]
    assert not mark.exists()


def test_the_copy_of_the_open_image_is_private(seen: Path) -> None:
    """Its folder has a name that can't be guessed, and is nobody else's to look into."""
    gateway = open_gateway()
    gateway.run_macro('newImage("mine", "16-bit ramp", 32, 32, 1);')
    with pytest.raises(CrispimError, match="seen"):
        gateway.run_macro(MACRO, f"command={seen.parent / 'crispim-ij'}")
    gateway.run_macro('run("Close All");')
    words = seen.read_bytes().decode().split("\0")
    folder = Path(words[words.index("--") + 1]).parent
    assert folder.name.startswith("crispim-")
    assert not folder.exists()
    mode = Path(f"{seen}.mode").read_text().split()[0]
    assert mode.startswith(stat.filemode(stat.S_IFDIR | 0o700)), mode
