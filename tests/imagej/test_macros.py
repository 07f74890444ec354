from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from crispim_ij.parity import Interpolation


def test_version_and_engine(gateway: ImageJGateway) -> None:
    assert gateway.version == "1.53q"
    assert gateway.engine == "embedded"


def test_a_macro_reads_its_argument_and_returns(gateway: ImageJGateway) -> None:
    assert gateway.run_macro('return "got " + getArgument();', "this") == "got this"
    assert gateway.run_macro("x = 1;") == ""


def test_dialogs_with_arguments_work_headless(gateway: ImageJGateway) -> None:
    macro = """
        newImage("ramp", "16-bit ramp", 40, 30, 1);
        run("Size...", "width=10 height=8 average interpolation=Bicubic");
        size = "" + getWidth() + "x" + getHeight();
        close();
        return size;
    """
    assert gateway.run_macro(macro) == "10x8"


def test_what_a_macro_prints_is_logged_not_printed(
    gateway: ImageJGateway, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "crispim_ij"):
        gateway.run_macro('print("hello"); showMessage("there");')
    assert [record.message for record in caplog.records] == ["ImageJ: hello", "ImageJ: there"]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("macro", "says"),
    [
        ("x = (;", "Number or numeric function expected"),
        ("foo(3);", "Undefined identifier"),
        ('run("No Such Command");', 'Unrecognized command: "No Such Command"'),
        ('run("Size...", "width=5 height=5");', "There are no images open"),
        ('exit("no planes left");', "no planes left"),
        ("exit();", "it stopped by exit or cancel before its end"),
        ('open("/nowhere/plane.tif");', "File not found: /nowhere/plane.tif"),
        ('runMacro("nofile.ijm");', "Macro or script not found"),
        ('call("no.such.Class.m");', "Could not load class no.such.Class"),
        ('return eval("return 1;");', "Macros can only return strings"),
        ('x = getNumber("n", 3);', "Cannot instantiate headless dialog"),
        (
            'newImage("a", "8-bit ramp", 40, 30, 1); saveAs("tiff", "/nowhere/plane.tif");',
            "File saving error",
        ),
        (
            'newImage("a", "8-bit ramp", 9, 9, 1); run("Add Specified Noise...", "standard=abc");',
            'For input string: "abc"',
        ),
    ],
)
def test_a_macro_that_fails_raises(gateway: ImageJGateway, macro: str, says: str) -> None:
    with pytest.raises(CrispimError, match="The ImageJ macro failed") as caught:
        gateway.run_macro(macro)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert gateway.run_macro('return "fine";') == "fine"


def test_a_macro_saves_a_file(gateway: ImageJGateway, tmp_path: Path) -> None:
    macro = 'newImage("a", "8-bit ramp", 40, 30, 1); saveAs("tiff", getArgument()); close();'
    gateway.run_macro(macro, str(tmp_path / "saved.tif"))
    assert (tmp_path / "saved.tif").stat().st_size > 1200


def test_a_plane_is_not_changed_and_may_be_read_only_or_strided(gateway: ImageJGateway) -> None:
    whole = np.arange(1600, dtype=np.uint16).reshape(40, 40)
    whole.flags.writeable = False
    view = whole[::2, ::2]
    noisy = gateway.noise(view, 30, 1)
    assert (noisy == gateway.noise(view.copy(), 30, 1)).all()
    assert (noisy != view).any()
    assert noisy.flags.writeable


def test_seeded_noise_is_the_same_from_many_threads(gateway: ImageJGateway) -> None:
    plane = np.full((64, 64), 300, np.uint16)
    expected = [gateway.noise(plane, 30, seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: gateway.noise(plane, 30, seed), range(16)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", [2**31, -(2**31) - 1])
def test_a_seed_beyond_javas_int_is_refused(gateway: ImageJGateway, seed: int) -> None:
    with pytest.raises(CrispimError, match="outside -2147483648 to 2147483647"):
        gateway.noise(np.zeros((2, 2), np.uint16), 1, seed)


def test_a_type_that_imagej_lacks_is_refused(gateway: ImageJGateway) -> None:
    with pytest.raises(CrispimError, match="type int32: convert it to one of uint8, uint16"):
        gateway.resize(
            np.zeros((4, 4), np.int32),  # type: ignore[arg-type]
            2,
            2,
            Interpolation.NONE,
            average=True,
        )
