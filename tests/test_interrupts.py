from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Replaces itself by pytest, which takes over that SIGINT is ignored.
IGNORING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-n0", *sys.argv[1:]])
"""
ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    "test",
    [
        "tests/cli/test_exit_codes.py::test_interrupted",
        pytest.param(
            "tests/cli/test_reproduce.py::test_ctrl_c_ends_after_the_plane_at_work",
            marks=pytest.mark.long,
        ),
    ],
)
def test_tests_of_ctrl_c_pass_where_it_is_ignored(test: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", IGNORING, test, "--basetemp", str(tmp_path / "own")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert "1 passed" in answer.stdout
