"""The layer for a user's Fiji: folders shaped like one; a real one where CRISPIM_FIJI names it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.fiji import check_fiji_home, explain_failure
from crispim_ij.imagej.jars import IMAGEJ, ensure_jars
from tests.imagej.conftest import _QuietHandler
from tests.imagej.fiji_folder import FIJI, make_fiji

IMGLYB = ("imglib2-imglyb-2.0.0", "imglib2-unsafe-1.0.0")


def write_class(jar: Path, name: str, java: int) -> None:
    """Write a jar with one empty class, compiled for a version of Java."""

    def text(value: str) -> bytes:
        return b"\x01" + struct.pack(">H", len(value)) + value.encode()

    pool = text(name), b"\x07\0\x01", text("java/lang/Object"), b"\x07\0\x03"
    head = struct.pack(">IHHH", 0xCAFEBABE, 0, java + 44, len(pool) + 1)
    public_class = struct.pack(">7H", 0x21, 2, 4, 0, 0, 0, 0)
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(f"{name}.class", head + b"".join(pool) + public_class)


def start(home: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a Fiji in a process of its own, printing whether Java ran."""
    code = (
        f"import sys\n{before}\n"
        "from crispim_ij.errors import CrispimError\n"
        "from crispim_ij.imagej import GatewaySettings, open_gateway\n"
        "try:\n"
        f"    print(open_gateway(GatewaySettings({home!r})).version)\n"
        "except CrispimError as error:\n"
        "    import scyjava\n"
        "    print(scyjava.jvm_started(), error)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("endpoint", ["sc.fiji:fiji", "sc.fiji:fiji:2.15.0", "a.b:c+d.e:f:1.0"])
def test_endpoints_are_left_to_pyimagej(endpoint: str) -> None:
    assert check_fiji_home(endpoint) == endpoint


def test_a_folder_shaped_like_a_fiji(tmp_path: Path) -> None:
    assert check_fiji_home(str(make_fiji(tmp_path / "Fiji.app", *FIJI))) == str(
        (tmp_path / "Fiji.app").resolve()
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is a file"),
        (lambda path: path.mkdir(), "is an empty folder"),
        (lambda path: (path / "plugins").mkdir(parents=True), "has no folder 'jars'"),
        (
            lambda path: make_fiji(path / "Fiji.app"),
            r"no folder 'jars' in it \('.*Fiji.app' does\)",
        ),
        (lambda path: make_fiji(path, "imagej-2.9", "ij1-patcher-1.2"), r"has no ImageJ \(ij-\*"),
        (lambda path: make_fiji(path, "ij-1.54f", "imagej-updater-1"), r"no ImageJ2 \(imagej-\*"),
        (lambda path: make_fiji(path, "ij-1.54f", "imagej-2.9"), r"\(imagej-legacy-\*\.jar\)"),
    ],
)
def test_a_wrong_folder_is_refused(tmp_path: Path, make: object, says: str) -> None:
    home = tmp_path / "Fiji.app"
    make(home)  # type: ignore[operator]
    with pytest.raises(CrispimError, match=says) as caught:
        check_fiji_home(str(home))
    assert str(home) in str(caught.value)
    assert "--fiji-home" in str(caught.value)


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CrispimError, match="can't be read for lack of permission"):
        check_fiji_home(str(tmp_path))


def test_a_wrong_folder_does_not_start_java(tmp_path: Path) -> None:
    result = start(str(tmp_path / "Fiji.app"))
    assert result.stdout.startswith("False The Fiji")
    assert "does not exist" in result.stdout


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("Failed to obtain Java automatically: x"), "set JAVA_HOME"),
        (RuntimeError("Failed to download Java via cjdk"), "set JAVA_HOME"),
        (ConnectionError("HTTPSConnectionPool: Max retries exceeded"), "connect to the network"),
        (RuntimeError("Could not resolve RELEASE version"), "connect to the network"),
        (RuntimeError("Failed to create a JVM with the requested environment."), "'jars'"),
        (RuntimeError("Artifact sc.fiji:fiji:pom:9 not found in remote repositories {}"), "name"),
        (TypeError("Class net.imglib2.python.Helpers is not found"), "imglib2-imglyb"),
        (TypeError("'NoneType' object is not callable"), "start a new process"),
        (ValueError("java.lang.IllegalArgumentException: Invalid service"), "start a new process"),
        (OSError("JVM cannot be restarted"), "start a new process"),
        (RuntimeError("something\nelse"), "something else"),
    ],
)
def test_each_failure_of_pyimagej_is_one_sentence(error: Exception, says: str) -> None:
    message = explain_failure(error, "/opt/Fiji.app")
    assert message.startswith("The Fiji /opt/Fiji.app ")
    assert says in message
    assert "\n" not in message


def test_a_fiji_without_imglyb_really_fails_in_a_sentence(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI[1:], *IMGLYB)
    jar = ensure_jars()[0]
    assert jar.jar == IMAGEJ
    (home / "jars" / jar.jar.file_name).write_bytes(jar.path.read_bytes())
    result = start(str(home))
    assert "lacks the jar imglib2-imglyb" in result.stdout, result.stderr


def test_a_fiji_for_a_newer_java_really_fails_in_a_sentence(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    write_class(home / f"jars/{IMGLYB[0]}.jar", "net/imglib2/python/Helpers", java=99)
    result = start(str(home))
    assert "is built for a newer Java than the one that runs" in result.stdout, result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_fiji_that_lacks_jars_needs_the_network(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI)
    unreachable = "http://127.0.0.1:9"
    result = start(str(home), HTTPS_PROXY=unreachable, HTTP_PROXY=unreachable, HOME=str(tmp_path))
    assert result.stdout.startswith("False The Fiji"), result.stderr
    assert "connect to the network" in result.stdout


def test_a_version_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    handler = partial(_QuietHandler, directory=str(tmp_path / "empty"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        repositories = {"scijava.public": here, "central": here}
        before = f"import scyjava; scyjava.config.add_repositories({repositories!r})"
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = {here}\n")
        result = start(
            "sc.fiji:fiji:99.9.9",
            before,
            JGO_CONFIG_FILE=str(tmp_path / "jgo.conf"),
            NO_PROXY="127.0.0.1",
            HOME=str(tmp_path),
        )
        server.shutdown()
    assert "sc.fiji:fiji:99.9.9 is not in the Maven repositories" in result.stdout, result.stderr


def test_java_that_other_code_started_is_refused(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    before = "from crispim_ij.imagej.java import use_java\nuse_java()\nimport scyjava\n"
    result = start(str(home), f"{before}scyjava.config.endpoints.clear()\nscyjava.start_jvm()")
    assert "True Other code has already started a Java" in result.stdout, result.stderr


def test_java_that_was_stopped_can_not_be_started_again(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    before = "from crispim_ij.imagej.java import use_java\nuse_java()\nimport scyjava\n"
    stopped = "scyjava.config.endpoints.clear()\nscyjava.start_jvm()\nscyjava.shutdown_jvm()"
    result = start(str(home), before + stopped)
    assert "started or stopped before: start a new process" in result.stdout, result.stderr


@pytest.mark.fiji
@pytest.mark.skipif(not os.environ.get("CRISPIM_FIJI"), reason="CRISPIM_FIJI is not set")
def test_a_real_fiji(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "import numpy as np\n"
        "from crispim_ij.imagej import GatewaySettings, open_gateway\n"
        "from crispim_ij.parity import Interpolation\n"
        "gateway = open_gateway(GatewaySettings(os.environ['CRISPIM_FIJI']))\n"
        "plane = np.arange(4800, dtype=np.uint16).reshape(60, 80)\n"
        "small = gateway.resize(plane, 20, 15, Interpolation.NONE, True)\n"
        "np.save(sys.argv[1], gateway.noise(small, 30, 1))\n"
        "print(gateway.run_macro('return \"x\" + getArgument();', 'y'))\n"
        "try:\n"
        "    gateway.run_macro('run(\"No Such Command\");')\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "noisy.npy")],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.stdout.splitlines()[-2] == "xy", result.stderr
    assert "No Such Command" in result.stdout.splitlines()[-1]
    assert np.load(tmp_path / "noisy.npy").shape == (15, 20)
