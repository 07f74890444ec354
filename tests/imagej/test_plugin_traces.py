from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crispim_ij.imagej.plugin_traces import is_broken, stored_model, unpacked_models

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
    import subprocess

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


def test_other_models_are_not_the_plugins(tmp_path: Path) -> None:
    unpack(tmp_path, "CRISPIM", None, "crispim-2d.zip")
    assert unpacked_models(tmp_path) == []
