"""Every command that can start a user's Fiji: how it starts Java, and that it deletes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import typer

from crispim_ij.cli.main import app
from tests.imagej.csbdeep_standin import write_zip
from tests.imagej.fiji_folder import FIJI, add_native, content, make_fiji, replaced

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the library is in lib/linux64"
)

# Prints the options that Java has really been given, however the command ends.
RUN = """
import json
import scyjava
from crispim_ij.cli.main import run

try:
    run()
finally:
    options = None
    if scyjava.jvm_started():
        beans = scyjava.jimport("java.lang.management.ManagementFactory")
        options = [str(each) for each in beans.getRuntimeMXBean().getInputArguments()]
    print("OPTIONS", json.dumps(options))
"""
STARTS = {
    "fiji macro": ["MACRO"],
    "fiji check": ["PLANES"],
    "preprocess": ["PLANES", "OUT", "--fiji", "--noise-sd", "30", "--seed", "1"],
    "fiji denoise": ["PLANES", "OUT", "--model", "ZIP"],
    "fiji doctor": [],
}
"""What each command is given, except for --fiji-home."""

LOOKS = {"fiji doctor"}
"""Commands that start nothing."""

QUICK = {"fiji macro", "fiji doctor"}
"""Those that also run where the long tests don't."""

each_command = pytest.mark.parametrize(
    "command",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in STARTS],
)


def with_option(name: str, command: Any, path: str = "") -> Iterator[str]:
    """Commands that have an option, those of groups included."""
    for key, each in getattr(command, "commands", {}).items():
        yield from with_option(name, each, f"{path} {key}".strip())
    if any(name in parameter.opts for parameter in command.params):
        yield path


def test_these_are_all_commands_that_start_a_fiji() -> None:
    assert set(with_option("--fiji-home", typer.main.get_command(app))) == set(STARTS)


def fiji_with(folder: Path, *, loads: bool) -> Path:
    """A folder shaped like a Fiji whose TensorFlow lies in 'lib' alone."""
    imglyb = ("imglib2-imglyb-2.0.0", "imglib2-unsafe-1.0.0")
    jars = replaced("imagej-tensorflow", "imagej-tensorflow-1.1.7")
    fiji = make_fiji(folder, *FIJI, *jars, *imglyb)
    add_native(fiji, loads=loads)
    return fiji


def start(command: str, fiji: Path, folder: Path) -> tuple[str, list[str] | None]:
    """Run a command in a process of its own; return what it says, and Java's options."""
    names = {
        "MACRO": folder / "m.ijm",
        "PLANES": folder / "in.tif",
        "OUT": folder / "out",
        "ZIP": folder / "m.zip",
    }
    names["MACRO"].write_text('return "reached";')
    tifffile.imwrite(names["PLANES"], np.full((20, 30), 100, np.uint16))
    write_zip(names["ZIP"])
    given = [str(names.get(word, word)) for word in STARTS[command]]
    answer = subprocess.run(
        [sys.executable, "-c", RUN, *command.split(), *given, "--fiji-home", str(fiji)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"HOME": str(folder), "COLUMNS": "500"},
    )
    said, _, options = answer.stdout.rpartition("OPTIONS ")
    return said + answer.stderr, json.loads(options)


@each_command
def test_java_knows_where_fijis_tensorflow_is(command: str, tmp_path: Path) -> None:
    fiji = fiji_with(tmp_path / "Fiji", loads=True)
    before = content(fiji)
    said, options = start(command, fiji, tmp_path)
    if command in LOOKS:
        assert options is None
    else:
        # These jars are empty, so that it ends here; but by then Java runs.
        assert "lacks the jar imglib2-imglyb" in said
        assert options is not None
        assert f"-Djava.library.path={fiji}/lib/linux64" in options
        assert "-Djava.awt.headless=true" in options
    assert content(fiji) == before


@each_command
def test_a_start_that_would_delete_it_is_refused(command: str, tmp_path: Path) -> None:
    fiji = fiji_with(tmp_path / "Fiji", loads=False)
    before = content(fiji)
    said, options = start(command, fiji, tmp_path)
    assert options is None
    assert f"the TensorFlow in '{fiji}/lib/linux64' does not load" in said
    assert "imagej-tensorflow 1.1.7 would delete what is there" in said
    assert content(fiji) == before


LOAD = """
return call("groovy.util.Eval.me",
    "def service = ij.IJ.runPlugIn('org.scijava.Context', '')"
    + ".service('net.imagej.tensorflow.TensorFlowService');"
    + "service.loadLibrary(); '' + service.status.loaded");
"""


@pytest.mark.fiji
@pytest.mark.skipif(not os.environ.get("CRISPIM_FIJI"), reason="CRISPIM_FIJI is not set")
def test_a_macro_that_asks_for_tensorflow_costs_a_real_fiji_nothing(tmp_path: Path) -> None:
    fiji = Path(os.environ["CRISPIM_FIJI"])
    (tmp_path / "load.ijm").write_text(LOAD)
    before = content(fiji / "lib")
    code = "from crispim_ij.cli.main import run; run()"
    arguments = ["fiji", "macro", tmp_path / "load.ijm", "--fiji-home", fiji]
    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=600
    )
    assert answer.stdout.splitlines()[-1:] == ["true"], answer.stdout + answer.stderr
    assert content(fiji / "lib") == before
