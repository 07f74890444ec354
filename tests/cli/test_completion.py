"""What the shells get that ask for completions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from crispim_ij.cli.main import run; run()"]


def completed(line: str) -> list[str]:
    """What Bash offers at the end of a line."""
    asked = {
        "_CRISPIM_IJ_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    answer = subprocess.run(COMMAND, env={**os.environ, **asked}, capture_output=True, text=True)
    assert answer.stderr == ""
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("crispim-ij pre", ["preview", "preprocess"]),
        ("crispim-ij denoise --prec", ["--precision"]),
        ("crispim-ij denoise in out --precision b", ["bfloat16"]),
        ("crispim-ij denoise in out --model crispim-", ["crispim-2d", "crispim-3d"]),
        ("crispim-ij models show crispim-3", ["crispim-3d"]),
        ("crispim-ij train mine --recipe paper", ["paper-2d", "paper-3d"]),
        ("crispim-ij fiji doc", ["doctor"]),
        ("crispim-ij denoise qqq", []),
    ],
)
def test_bash(line: str, offered: list[str]) -> None:
    assert sorted(completed(line)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_what_shells_are_told(shell: str) -> None:
    asked = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    given = [*COMMAND, "--show-completion", shell]
    answer = subprocess.run(given, env={**os.environ, **asked}, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "_CRISPIM_IJ_COMPLETE" in answer.stdout
