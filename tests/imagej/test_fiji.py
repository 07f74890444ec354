"""The layer for a user's Fiji: folders shaped like one; a real one where CRISPIM_FIJI names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.fiji import check_fiji_home, explain_failure
from crispim_ij.imagej.jars import IMAGEJ, ensure_jars


def fiji_folder(root: Path, *jars: str) -> Path:
    (root / "jars").mkdir(parents=True)
    (root / "plugins").mkdir()
    for name in jars:
        (root / "jars" / name).touch()
    return root


def start(home: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a Fiji in a process of its own, printing whether Java ran."""
    code = (
        "import sys\n"
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
    assert check_fiji_home(str(fiji_folder(tmp_path / "Fiji.app", "ij-1.54f.jar"))) == str(
        (tmp_path / "Fiji.app").resolve()
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is a file"),
        (lambda path: path.mkdir(), "is an empty folder"),
        (lambda path: (path / "plugins").mkdir(parents=True), "has no folder 'jars'"),
        (lambda path: fiji_folder(path, "imagej-2.9.jar", "ij1-patcher-1.jar"), "has no ImageJ"),
    ],
)
def test_a_wrong_folder_is_refused(tmp_path: Path, make: object, says: str) -> None:
    home = tmp_path / "Fiji.app"
    make(home)  # type: ignore[operator]
    with pytest.raises(CrispimError, match=says) as caught:
        check_fiji_home(str(home))
    assert str(home) in str(caught.value)
    assert "--fiji-home" in str(caught.value)


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


def test_a_fiji_without_the_legacy_layer_really_fails_in_a_sentence(tmp_path: Path) -> None:
    home = fiji_folder(tmp_path / "Fiji.app", "imglib2-imglyb-1.jar", "imglib2-unsafe-1.jar")
    jar = ensure_jars()[0]
    assert jar.jar == IMAGEJ
    (home / "jars" / jar.jar.file_name).write_bytes(jar.path.read_bytes())
    result = start(str(home))
    assert "lacks the jar imglib2-imglyb" in result.stdout, result.stderr


def test_a_fiji_without_imglyb_needs_the_network(tmp_path: Path) -> None:
    home = fiji_folder(tmp_path / "Fiji.app", "ij-1.54f.jar")
    unreachable = "http://127.0.0.1:9"
    result = start(str(home), HTTPS_PROXY=unreachable, HTTP_PROXY=unreachable, HOME=str(tmp_path))
    assert result.stdout.startswith("False The Fiji"), result.stderr
    assert "connect to the network" in result.stdout


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
