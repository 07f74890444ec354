from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crispim_ij.imagej import ImageJGateway, open_gateway
from crispim_ij.imagej.jars import ensure_jars
from tests.imagej.reference import Reference, start_reference


@pytest.fixture(scope="session")
def gateway() -> ImageJGateway:
    return open_gateway()


@pytest.fixture(scope="session")
def reference() -> Reference:
    return start_reference()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository on this machine, named in jgo's config file; yields its folder."""
    root = tmp_path / "mirror"
    for cached in ensure_jars():
        jar = cached.jar
        folder = root.joinpath(*jar.group.split("."), jar.artifact, jar.version)
        folder.mkdir(parents=True)
        (folder / jar.file_name).write_bytes(cached.path.read_bytes())
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_QuietHandler, directory=str(root))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("CRISPIM_CACHE", str(tmp_path / "cache"))
        yield root
        server.shutdown()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No network and a cold cache; returns the folder of the jars."""
    config = tmp_path / "jgo.conf"
    config.write_text("[repositories]\ncentral = http://127.0.0.1:9\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(config))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CRISPIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jars"
