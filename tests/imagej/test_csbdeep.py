from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from crispim_ij.imagej.csbdeep import (
    CsbdeepPlugin,
    find_plugin,
    is_broken,
    start_plugin,
    stored_model,
    unpacked_models,
)
from crispim_ij.imagej.installation import read_installation
from crispim_ij.imagej.model_zip import read_model_zip
from crispim_ij.noise import NO_NOISE, CameraNoise, restore, stabilise
from tests.imagej.csbdeep_standin import INPUTS, Fiji, write_zip
from tests.imagej.fiji_folder import CSBDEEP, FIJI, add_native, make_fiji, replaced

PLANE = np.arange(70 * 90, dtype=np.uint16).reshape(70, 90)
STORED = "GenericNetwork_modelfile"


class Silence:
    """Stands in for what catches Java's words."""

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *error: object) -> None: ...

    def toString(self) -> str:  # noqa: N802 - Java's name
        return ""


def plugin(ij: Fiji, folder: Path, tile: int = 1024, console: Any = Silence) -> CsbdeepPlugin:
    return CsbdeepPlugin(ij, read_model_zip(write_zip(folder / "m.zip")), tile, console)


def test_every_input_is_passed(tmp_path: Path) -> None:
    ij = Fiji()
    with plugin(ij, tmp_path) as denoise:
        result = denoise(PLANE)
    np.testing.assert_array_equal(result, PLANE + np.float32(1000))
    assert result.dtype == np.float32
    (run,) = ij.runs
    assert set(run) == INPUTS
    assert run["modelFile"] == str(tmp_path / "m.zip")
    assert (run["normalizeInput"], run["showProgressDialog"]) == (False, False)
    assert (run["nTiles"], run["blockMultiple"], run["overlap"]) == (1, 4, 24)
    assert run["input"].shape[0] >= 70 + 48
    assert run["input"].shape[1] >= 90 + 48


def test_values_go_in_where_the_noise_is_told(tmp_path: Path) -> None:
    noise = CameraNoise(2, 100, 5)
    ij = Fiji(lambda values: values + np.float32(0.5))
    with plugin(ij, tmp_path) as denoise:
        result = denoise(PLANE, noise)
        untouched = denoise(PLANE, NO_NOISE)
    expected = restore(stabilise(PLANE.astype(np.float32), noise) + np.float32(0.5), noise)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(untouched, PLANE.astype(np.float32))
    assert len(ij.runs) == 1


@pytest.mark.parametrize("gives_stacks", [False, True])
@pytest.mark.parametrize("swaps", [False, True])
def test_a_3d_network_makes_the_plane_in_the_middle(
    tmp_path: Path, gives_stacks: bool, swaps: bool
) -> None:
    planes = np.random.default_rng(0).integers(0, 5000, (5, 70, 90), np.uint16)
    meta = {
        "axes": "ZYXC",
        "axes_out": "ZYXC" if gives_stacks else "YXC",
        "axes_div_by": [1 if gives_stacks else 5, 4, 4, 1],
        "tile_overlap": [2 if gives_stacks else 0, 32, 32, 0],
    }
    model = read_model_zip(write_zip(tmp_path / "m.zip", **meta))
    ij = Fiji(lambda stack: (stack if gives_stacks else stack[2]) + np.float32(1000))
    ij.swaps = swaps
    with CsbdeepPlugin(ij, model, 64, Silence) as denoise:
        result = denoise(planes)
        untouched = denoise(planes, NO_NOISE)
    np.testing.assert_array_equal(result, planes[2] + np.float32(1000))
    np.testing.assert_array_equal(untouched, planes[2].astype(np.float32))
    assert ij.runs[0]["input"].shape[0] == 5
    assert (ij.runs[0]["blockMultiple"], ij.runs[0]["overlap"]) == (4, 32)


def test_tiles_of_the_size_wanted(tmp_path: Path) -> None:
    ij = Fiji()
    with plugin(ij, tmp_path, tile=64) as denoise:
        result = denoise(PLANE)
    np.testing.assert_array_equal(result, PLANE + 1000)
    assert ij.runs[0]["nTiles"] >= 4


def test_the_stored_model_is_set_before_each_run_and_put_back(tmp_path: Path) -> None:
    ij = Fiji()
    before = {STORED: "/older.zip", "overlap": "64"}
    ij.stored.update(before)
    with plugin(ij, tmp_path) as denoise:
        denoise(PLANE)
        ij.stored[STORED] = "/other.zip"
        denoise(PLANE)
    assert [run["modelFile"] for run in ij.runs] == [str(tmp_path / "m.zip")] * 2
    assert ij.stored == before


def test_preferences_are_put_back_after_a_fault(tmp_path: Path) -> None:
    ij = Fiji()
    ij.stored[STORED] = "/older.zip"
    ij.shrinks = True
    with pytest.raises(CrispimError, match="gave an image of"), plugin(ij, tmp_path) as denoise:
        denoise(PLANE)
    assert ij.stored == {STORED: "/older.zip"}


def test_axes_are_told_by_their_names(tmp_path: Path) -> None:
    ij = Fiji()
    ij.swaps = True
    with plugin(ij, tmp_path) as denoise:
        np.testing.assert_array_equal(denoise(PLANE), PLANE + 1000)


def test_no_result_is_an_error_that_says_what_was_printed(
    gateway: ImageJGateway, tmp_path: Path
) -> None:
    from crispim_ij.imagej.ij1 import caught_console

    ij = Fiji()
    ij.fails = True
    with (
        plugin(ij, tmp_path, console=caught_console) as denoise,
        pytest.raises(CrispimError) as caught,
    ):
        denoise(PLANE)
    message = str(caught.value)
    assert f"no result for the model '{tmp_path / 'm.zip'}'" in message
    assert "java.lang.NoSuchMethodError: org.tensorflow.framework.MetaGraphDef.make()V" in message
    assert "FutureTask" not in message
    assert "\n" not in message


def test_no_result_and_nothing_printed(tmp_path: Path, gateway: ImageJGateway) -> None:
    ij = Fiji()
    ij.fails = True
    with plugin(ij, tmp_path) as denoise, pytest.raises(CrispimError, match="printed no reason"):
        denoise(PLANE)


def test_a_fiji_that_does_not_know_the_command(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"has no 'Run your network'.*update sites CSBDeep and"):
        plugin(Fiji(installed=False), tmp_path)


@pytest.mark.parametrize(
    ("jars", "says"),
    [
        (FIJI, "has no plugin CSBDeep"),
        ((*FIJI, "csbdeep-0.6.0"), "TensorFlow can't load .* no jar imagej-tensorflow"),
        (replaced("protobuf-java", "protobuf-java-4.28.2"), "protobuf-java 4.28.2 breaks"),
        (
            replaced("imagej-tensorflow", "imagej-tensorflow-1.1.8"),
            "no TensorFlow library in the Fiji's 'lib'",
        ),
    ],
)
def test_a_fiji_where_it_can_not_run(tmp_path: Path, jars: tuple[str, ...], says: str) -> None:
    fiji = make_fiji(tmp_path, *jars)
    with pytest.raises(CrispimError, match=says) as caught:
        find_plugin(str(fiji))
    assert str(fiji) in str(caught.value)


def test_a_fiji_from_maven_has_no_plugin() -> None:
    with pytest.raises(CrispimError, match=r"sc\.fiji:fiji .* is no folder"):
        find_plugin("sc.fiji:fiji")


START = """
import sys
from pathlib import Path
from crispim_ij.errors import CrispimError
from crispim_ij.imagej.csbdeep import find_plugin, start_plugin
from crispim_ij.imagej.model_zip import read_model_zip
try:
    start_plugin(find_plugin(sys.argv[1]), None, read_model_zip(Path(sys.argv[2])), 512)
except CrispimError as error:
    import scyjava
    print(error)
    print(scyjava.config.get_options())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library is in lib/linux64")
def test_java_is_given_the_folder_of_the_library(tmp_path: Path) -> None:
    imglyb = ("imglib2-imglyb-2.0.0", "imglib2-unsafe-1.0.0")
    fiji = make_fiji(tmp_path / "Fiji", *replaced("imagej-t", "imagej-tensorflow-1.1.8"), *imglyb)
    library = add_native(fiji)
    command = [sys.executable, "-c", START, fiji, write_zip(tmp_path / "m.zip")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    fault, options = result.stdout.splitlines()
    # These jars are empty, so that it ends here; but by then Java runs.
    assert "lacks the jar imglib2-imglyb" in fault
    assert f"-Djava.library.path={library}" in options
    assert (library / "libtensorflow_jni.so").exists()


def test_java_is_not_started_where_an_unpacked_model_is_broken(tmp_path: Path) -> None:
    fiji = make_fiji(tmp_path / "Fiji", *FIJI, *CSBDEEP)
    model = write_zip(tmp_path / "m.zip")
    unpacked = (
        fiji
        / "models"
        / f"GenericNetwork_{hashlib.md5(model.read_bytes(), usedforsecurity=False).hexdigest()}"
    )
    unpacked.mkdir(parents=True)
    (fiji / "models" / "GenericNetwork_of_another").mkdir()
    command = [sys.executable, "-c", START, fiji, model]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    fault, options = result.stdout.splitlines()
    assert f"'{unpacked}' is not whole" in fault
    assert "headless" not in options


def test_java_that_runs_already_is_refused(gateway: ImageJGateway, tmp_path: Path) -> None:
    fiji = read_installation(make_fiji(tmp_path / "F", *FIJI, *CSBDEEP), "x86_64")
    with pytest.raises(CrispimError, match="already started a Java"):
        start_plugin(fiji, None, read_model_zip(write_zip(tmp_path / "m.zip")), 512)


NODE = ".java/.userPrefs/de/csbdresden/csbdeep/commands/GenericNetwork"


def store(home: Path, entries: str) -> None:
    folder = home / NODE
    folder.mkdir(parents=True)
    # As Java's own FileSystemPreferences writes it.
    (folder / "prefs.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<!DOCTYPE map SYSTEM "http://java.sun.com/dtd/preferences.dtd">\n'
        f'<map MAP_XML_VERSION="1.0">\n{entries}</map>\n',
        encoding="utf-8",
    )


def test_the_stored_model(tmp_path: Path) -> None:
    entry = '  <entry key="GenericNetwork_modelfile" value="/a &amp; b/é &quot;x&quot;.zip"/>\n'
    store(tmp_path, f'  <entry key="blockMultiple" value="4"/>\n{entry}')
    assert stored_model(tmp_path, "linux") == '/a & b/é "x".zip'
    assert stored_model(tmp_path, "darwin") is None


@pytest.mark.parametrize(
    "entries", ["", '<entry key="nTiles" value="8"/>', '<entry key="GenericNetwork_modelfile"/>']
)
def test_nothing_is_stored(tmp_path: Path, entries: str) -> None:
    assert stored_model(tmp_path, "linux") is None
    store(tmp_path, entries)
    assert stored_model(tmp_path, "linux") is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it can't be seen")
def test_java_writes_where_it_is_looked_for(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from crispim_ij.imagej.java import use_java\n"
        "use_java()\n"
        "import scyjava\n"
        "scyjava.config.endpoints.clear()\n"
        "scyjava.config.add_option(f'-Djava.util.prefs.userRoot={sys.argv[1]}')\n"
        "scyjava.start_jvm()\n"
        "root = scyjava.jimport('java.util.prefs.Preferences').userRoot()\n"
        "node = root.node('de/csbdresden/csbdeep/commands/GenericNetwork')\n"
        "node.put('GenericNetwork_modelfile', '/an \\u00e9 & <b> \"c\".zip')\n"
        "node.flush()\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True)
    assert stored_model(tmp_path) == '/an é & <b> "c".zip'


def unpack(fiji: Path, name: str, graph: bytes | None, *files: str) -> Path:
    folder = fiji / "models" / name
    folder.mkdir(parents=True)
    if graph is not None:
        (folder / "saved_model.pb").write_bytes(graph)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    return folder


@pytest.mark.parametrize(
    ("graph", "files", "broken"),
    [
        (b"Conv2D", [], False),
        (None, [], True),
        (b"..VarHandleOp..", [], True),
        (b"..VariableV2..", ["variables/variables.data"], True),
        (b"..VariableV2..", ["variables/variables.index"], False),
    ],
)
def test_unpacked_models(
    tmp_path: Path, graph: bytes | None, files: list[str], broken: bool
) -> None:
    folder = unpack(tmp_path, "GenericNetwork_0f", graph, *files)
    assert unpacked_models(tmp_path) == [folder]
    assert is_broken(folder) is broken


@pytest.mark.parametrize("kept", [0, 2, 3, 400, -1])
def test_a_graph_that_was_cut_short_is_broken(tmp_path: Path, kept: int) -> None:
    graph = b"\x08\x01\x12\xf4\x03" + b"\x0a\xf1\x03" + bytes(497)
    assert not is_broken(unpack(tmp_path, "GenericNetwork_0", graph))
    assert is_broken(unpack(tmp_path, "GenericNetwork_1", graph[:kept]))


def test_what_java_throws_is_a_sentence(gateway: ImageJGateway, tmp_path: Path) -> None:
    from scyjava import jimport

    class Throwing(Fiji):
        def get(self) -> Fiji:
            raise jimport("java.lang.IllegalStateException")("of the\nnetwork")

    model, unpacked = read_model_zip(write_zip(tmp_path / "m.zip")), tmp_path / "GenericNetwork_0f"
    with (
        CsbdeepPlugin(Throwing(), model, 64, Silence, unpacked) as denoise,
        pytest.raises(CrispimError) as caught,
    ):
        denoise(PLANE)
    message = str(caught.value)
    assert "IllegalStateException: " in message
    assert "of the network: delete the folder" in message
    assert f"'{unpacked}'" in message
    assert "\n" not in message


def test_other_models_are_not_the_plugins(tmp_path: Path) -> None:
    unpack(tmp_path, "CRISPIM", None, "crispim-2d.zip")
    assert unpacked_models(tmp_path) == []


@pytest.mark.fiji
@pytest.mark.skipif(not os.environ.get("CRISPIM_FIJI"), reason="CRISPIM_FIJI is not set")
def test_the_plugin_of_a_real_fiji_can_run() -> None:
    assert find_plugin(os.environ["CRISPIM_FIJI"]).version("csbdeep")
