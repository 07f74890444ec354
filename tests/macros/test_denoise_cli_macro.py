"""`CRISPIM_Denoise_CLI.ijm`, with the command as it is installed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from tests.macros.conftest import COMMAND, MACROS, FijiFolder, metadata

MACRO = (MACROS / "CRISPIM_Denoise_CLI.ijm").read_text()


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A hyperstack, in a folder whose name a shell would not take for a name."""
    folder = tmp_path / ("a $(b) [c" if os.name == "nt" else 'a $(touch x) "b" \'c\\; [d')
    folder.mkdir()
    tifffile.imwrite(
        folder / "brain.tif",
        np.random.default_rng(0).integers(50, 500, (2, 2, 40, 60), np.uint16),
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 3, "mode": "composite",
                  "Ranges": (1.0, 500.0, 2.0, 600.0)},
    )  # fmt: skip
    return folder / "brain.tif"


def refused(imagej: ImageJGateway, argument: str, *words: str) -> None:
    with pytest.raises(CrispimError) as caught:
        imagej.run_macro(MACRO, argument)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture(autouse=True)
def nothing_is_left(imagej: ImageJGateway) -> None:
    """The folder of temporary files as it was."""
    folder = Path(imagej.run_macro('return getDirectory("temp");'))
    before = set(folder.glob("crispim-image-*"))
    yield
    assert set(folder.glob("crispim-image-*")) == before


@pytest.mark.long
def test_a_file_and_the_open_image(imagej: ImageJGateway, stack: Path) -> None:
    out = stack.parent / "out.tif"
    answer = imagej.run_macro(MACRO, f"command={COMMAND}\ninput={stack}\noutput={out}\ntile=64")
    assert answer == f"CRISPIM_Denoise_CLI: written to {out}"
    refused(imagej, f"command={COMMAND}\ninput={stack}\noutput={out}", "out.tif' exists already")

    imagej.run_macro("open(getArgument()); makeRectangle(1, 2, 9, 9); setSlice(3);", str(stack))
    assert imagej.run_macro(MACRO, f"command={COMMAND}").endswith("in the new image")
    said = imagej.run_macro(
        'made = getTitle(); saveAs("Tiff", getArgument()); close(); getSelectionBounds(x, y, w, h);'
        'return made + "," + nImages + "," + getTitle() + "," + getSliceNumber() + "," + w;',
        str(stack.parent / "new.tif"),
    )
    assert said == "brain-denoised,1,brain.tif,3,9"
    new = tifffile.imread(stack.parent / "new.tif")
    assert new.dtype == np.uint16
    np.testing.assert_array_equal(new, tifffile.imread(out))
    assert np.std(new) < 0.8 * np.std(tifffile.imread(stack))
    kept = metadata(stack.parent / "new.tif")
    assert kept["Ranges"] == (1.0, 500.0, 2.0, 600.0)
    assert (kept["spacing"], kept["channels"], kept["slices"]) == (3.0, 2, 2)
    assert not Path("x").exists()


def test_what_the_command_refuses(imagej: ImageJGateway, stack: Path) -> None:
    imagej.run_macro("open(getArgument());", str(stack))
    refused(imagej, f"command={COMMAND}\nmodel=cripsim-2d", "did you mean 'crispim-2d'?")
    assert imagej.run_macro("return getTitle() + nImages;") == "brain.tif1"


@pytest.mark.skipif(os.name == "nt", reason="true and false are POSIX commands")
@pytest.mark.parametrize("command", ["/nowhere/crispim-ij", "true"])
def test_a_command_that_is_not_there(imagej: ImageJGateway, stack: Path, command: str) -> None:
    refused(
        imagej,
        f"command={command}\ninput={stack}",
        f"The command {command} does not answer as crispim-ij does: install crispim-ij with pip",
        "which crispim-ij",
    )


SLOW = """#!/bin/sh
if [ "$1" = --version ]; then echo crispim-ij 1; exit; fi
echo $$ > "$0.started"
exec sleep 60
"""
# Presses Esc, as ImageJ takes it, once the program runs.
CANCELED = """
lines = split(getArgument(), "\\n");
open(lines[0]);
before = "" + call("java.lang.System.setProperty", "started", lines[1] + ".started");
before = "" + call("groovy.util.Eval.me", "Thread.start {"
    + "while (!new File(System.getProperty('started')).length()) Thread.sleep(20);"
    + "ij.Macro.abort(); ij.macro.Interpreter.abort() }; ''");
return runMacro(lines[2], "command=" + lines[1]);
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for the program is a POSIX script")
def test_esc_stops_the_program_and_leaves_nothing(fiji_folder: FijiFolder, tmp_path: Path) -> None:
    program = tmp_path / "crispim-ij"
    program.write_text(SLOW)
    program.chmod(0o755)
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((20, 30), np.uint16))
    (tmp_path / "canceled.ijm").write_text(CANCELED)
    (fiji_folder.folder / "jars").mkdir()
    (fiji_folder.folder / "jars/groovy-4.jar").touch()
    macro = fiji_folder.folder / "plugins/CRISPIM/CRISPIM_Denoise_CLI.ijm"
    lines = f"{tmp_path}/in.tif\n{program}\n{macro}"
    answer = fiji_folder.run(tmp_path / "canceled.ijm", lines)
    started = tmp_path / "crispim-ij.started"
    assert started.exists(), answer.printed
    process = int(started.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_wrong_options(imagej: ImageJGateway) -> None:
    refused(imagej, "", "Without a screen there is no dialog")
    refused(imagej, "modle=x", "'modle=x' is none of command=, model=")
    refused(imagej, f"command={COMMAND}\ntile=big", "The value big (tile) is not a number")
    refused(imagej, f"command={COMMAND}", "No image is open")
