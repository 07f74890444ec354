from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from crispim_ij.imagej.installing import MODELS, macro_files
from crispim_ij.imagej.java import find_java
from tests.distribution.project import ROOT


@pytest.fixture(scope="module")
def update_site() -> ModuleType:
    path = ROOT / "distribution/update_site.py"
    spec = importlib.util.spec_from_file_location("update_site", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_update_site_keeps_the_history(update_site: ModuleType, tmp_path: Path) -> None:
    import gzip
    from pathlib import PurePosixPath
    from xml.etree import ElementTree as ET

    site, file = tmp_path / "site", tmp_path / "file"
    place, other = PurePosixPath("plugins/CRISPIM/A.ijm"), PurePosixPath("models/CRISPIM/m.zip")

    def write(text: str, now: str, *places: PurePosixPath) -> int:
        file.write_text(text)
        copied: int = update_site.write_site(site, [(one, file) for one in places], now)
        return copied

    def listed() -> dict[str, ET.Element]:
        root = ET.fromstring(gzip.decompress((site / "db.xml.gz").read_bytes()))  # noqa: S314
        return {entry.attrib["filename"]: entry for entry in root}

    assert write("one", "20260101000000", place, other) == 2
    first = listed()[str(place)].find("version")
    assert first is not None
    assert first.attrib["filesize"] == "3"
    # `printf 'plugins/CRISPIM/A.ijmone' | sha1sum`
    assert first.attrib["checksum"] == "64ded2f2a89faff18b0d7dabbe89efb1965f4d7f"
    assert write("one", "20260102000000", place, other) == 0
    assert write("two", "20260103000000", place) == 1
    now = listed()
    current = now[str(place)].find("version")
    assert current is not None
    assert current.attrib["timestamp"] == "20260103000000"
    (before,) = now[str(place)].findall("previous-version")
    assert before.attrib == {
        "checksum": first.attrib["checksum"],
        "timestamp": "20260101000000",
        "timestamp-obsolete": "20260103000000",
    }
    # A file that is no longer shipped is obsolete: it has no version, but a history.
    assert now[str(other)].find("version") is None
    assert len(now[str(other)].findall("previous-version")) == 1
    assert (site / "plugins/CRISPIM/A.ijm-20260103000000").read_text() == "two"
    assert (site / "plugins/CRISPIM/A.ijm-20260101000000").read_text() == "one"


def test_an_update_site_has_what_install_puts_into_a_fiji(
    update_site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crispim_ij.exporting import export

    class Exported:
        path = tmp_path / "exported"

    monkeypatch.setattr(export, "export_model", lambda *_: Exported)
    places = [str(place) for place, _ in update_site.shipped_files(tmp_path)]
    assert places == [
        "plugins/CRISPIM/CRISPIM_Compare.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise_CLI.ijm",
        "plugins/CRISPIM/CRISPIM_Preprocess.ijm",
        "macros/toolsets/CRISPIM_Toolset.ijm",
        *(
            f"plugins/CRISPIM/crispim-{name}.groovy"
            for name in ("denoise", "job", "network", "noise", "program")
        ),
        *(
            f"models/CRISPIM/{name}.zip"
            for name in sorted(path.parent.name for path in (ROOT / "models").glob("*/model.json"))
        ),
    ]


REAL_FIJI = Path(os.environ.get("CRISPIM_FIJI") or "-")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server for a folder, as a lab would have one."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.fiji
@pytest.mark.skipif(not REAL_FIJI.is_dir(), reason="CRISPIM_FIJI is no folder")
def test_the_updater_installs_updates_and_removes(update_site: ModuleType, tmp_path: Path) -> None:
    """imagej-updater itself, which is not on Maven Central, with the classes of a Fiji."""
    site, fiji, model = tmp_path / "site", tmp_path / "Fiji.app", tmp_path / "model.zip"
    (fiji / "jars").mkdir(parents=True)
    model.write_bytes(b"a model")
    files = [*macro_files(), (MODELS / "crispim.zip", model)]
    places = {str(place): path for place, path in files}

    def updater(*words: str) -> str:
        command = [
            str(find_java().home / "bin/java"),
            "-Djava.awt.headless=true",
            f"-Dimagej.dir={fiji}",
            f"-Duser.home={tmp_path}",
            "-cp",
            str(REAL_FIJI / "jars/*"),
            "net.imagej.updater.CommandLine",
            *words,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_current() -> bool:
        return all(
            (fiji / place).read_bytes() == path.read_bytes() for place, path in places.items()
        )

    assert update_site.write_site(site, files, "20260101000000") == len(files)
    with served(site) as address:
        updater("add-update-site", "CRISPIM", address)
        updater("update")
        assert is_current()
        listed = updater("list-uptodate")
        assert [place for place in places if place not in listed] == []
        model.write_bytes(b"a better model")
        update_site.write_site(site, files, "20260102000000")
        updater("update")
        assert is_current()
        update_site.write_site(site, files[:-1], "20260103000000")
        updater("update")
    assert not (fiji / MODELS / "crispim.zip").exists()
    assert (fiji / "plugins/CRISPIM/CRISPIM_Denoise.ijm").exists()
