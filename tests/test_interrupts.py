from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

ROOT = Path(__file__).parents[1]
IGNORING = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
STARTS = """
import subprocess, sys
from tests.interrupts import interruptible
started = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT).__name__)"]
with interruptible():
    subprocess.run(started, check=True)
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
# Pytest takes over that SIGINT is ignored.
RUNS_TESTS = """
import os, sys
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-n0", *sys.argv[1:]])
"""


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", IGNORING + code, *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_processes_that_are_started_can_be_interrupted() -> None:
    assert run(STARTS) == "default_int_handler\n"


@pytest.mark.long
@pytest.mark.parametrize(
    "test",
    [
        "tests/cli/test_exit_codes.py::test_interrupted",
        "tests/cli/test_reproduce.py::test_ctrl_c_ends_after_the_plane_at_work",
    ],
)
def test_tests_of_ctrl_c_pass_where_it_is_ignored(test: str, tmp_path: Path) -> None:
    assert "1 passed" in run(RUNS_TESTS, test, "--basetemp", str(tmp_path / "own"))
