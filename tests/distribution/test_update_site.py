from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

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
    from crispim_ij import exporting

    class Exported:
        path = tmp_path / "exported"

    monkeypatch.setattr(exporting, "export_model", lambda *_: Exported)
    places = [str(place) for place, _ in update_site.shipped_files(tmp_path)]
    assert places == [
        "plugins/CRISPIM/CRISPIM_Compare.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise.ijm",
        "plugins/CRISPIM/CRISPIM_Denoise_CLI.ijm",
        "plugins/CRISPIM/CRISPIM_Preprocess.ijm",
        "macros/toolsets/CRISPIM_Toolset.ijm",
        "plugins/CRISPIM/crispim-network.groovy",
        *sorted(
            f"models/CRISPIM/{path.parent.name}.zip"
            for path in (ROOT / "models").glob("*/model.json")
        ),
    ]
