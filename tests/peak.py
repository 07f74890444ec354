"""How much memory a script takes at most."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Not getrusage: its peak is inherited from the process that starts the script.
LAST_LINES = """
import re
from pathlib import Path
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak_kilobytes(script: str, *arguments: object) -> int:
    """Run a Python script in a process of its own and return its peak memory in kB."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells a process' own peak")
    command = [sys.executable, "-c", script + LAST_LINES, *map(str, arguments)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(answer.stdout.split()[-1])
