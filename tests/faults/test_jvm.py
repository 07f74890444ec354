"""Java that dies, and takes the process with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import SAID
from tests.faults.process import COMMAND, SLOWLY, content, journal_count, journal_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_java_dies(planes: Path, unbroken: Path, tmp_path: Path, name: str) -> None:
    """Its signal for broken memory ends the process at once; another run goes on."""
    output = tmp_path / name
    said = ["preprocess", str(planes), str(output), *SAID, "--fiji"]
    words = [sys.executable, "-c", SLOWLY + COMMAND, *said]
    with subprocess.Popen(words, stdout=-1, stderr=-1, cwd=tmp_path) as run:
        while journal_count(journal_of(output)) < 2:
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(11)
        run.communicate(timeout=60)
    assert run.returncode in (-6, -11)
    assert name == "out" or not output.exists()
    seen = content(output) if output.exists() else {}
    for file, pixels in seen.items():
        assert pixels == (unbroken / name / file).read_bytes()
    again = [sys.executable, "-c", COMMAND, *said, "--resume"]
    subprocess.run(again, check=True, capture_output=True, timeout=120)
    assert content(output) == content(unbroken / name)
