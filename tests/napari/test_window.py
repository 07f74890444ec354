"""The tests of the window, in a process of their own.

TensorFlow, which other tests import, and Mesa's OpenGL can't live in one (see
`crispim_ij.napari.process`). And pytest-qt, which ends pytest where Qt lacks a library, is loaded
only here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.napari.screen import screen, what_is_missing

WINDOW = Path(__file__).parent / "window"
# napari's own libraries warn each other of much.
WARNINGS = "filterwarnings=default\nerror:::crispim_ij\nerror:::tests"
ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_the_window(tmp_path: Path) -> None:
    # .ci/run sets this, so that nobody takes tests that are left out for tests that pass.
    is_needed = "CRISPIM_NEEDS_WINDOW" in os.environ
    if not is_needed:
        pytest.importorskip("napari")
    command = [sys.executable, "-m", "pytest", str(WINDOW), "-n0", "--durations=5"]
    plugins = [f"-p{name}" for name in ("napari", "npe2", "pytest-qt")]
    own = {"NAPARI_CONFIG": str(tmp_path / "settings.yaml"), "PYTHONFAULTHANDLER": "1"}
    with screen() as environment:
        missing = what_is_missing(environment)
        if missing and not is_needed:
            pytest.skip(f"no window can be opened here: {missing.splitlines()[-1]}")
        assert not missing
        done = subprocess.run(
            [*command, *plugins, "-o", WARNINGS, "--basetemp", str(tmp_path / "own")],
            cwd=ROOT,
            env={**environment, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(done.stdout)
    assert done.returncode == 0
    assert "skipped" not in done.stdout.splitlines()[-1]
