"""What the shells get that ask for completions."""

from __future__ import annotations

import pytest
import typer.main

from tests.cli.conftest import Call


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("crispim-ij pre", ["preview", "preprocess"]),
        ("crispim-ij denoise --prec", ["--precision"]),
        ("crispim-ij denoise in out --precision b", ["bfloat16"]),
        (
            "crispim-ij denoise in out --model crispim-",
            ["crispim-2d", "crispim-2d-fast", "crispim-3d"],
        ),
        ("crispim-ij models show crispim-3", ["crispim-3d"]),
        ("crispim-ij train mine --recipe paper", ["paper-2d", "paper-3d"]),
        ("crispim-ij fiji doc", ["doctor"]),
        ("crispim-ij denoise qqq", []),
    ],
)
def test_bash(call: Call, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]) -> None:
    monkeypatch.setenv("_CRISPIM_IJ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    answer = call()
    assert answer.err == ""
    assert sorted(answer.out.split()) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_what_shells_are_told(call: Call, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    # The shell is looked for where the commands are built, which tests do once.
    monkeypatch.setattr(typer.main, "get_command", typer.main.get_command.__wrapped__)
    answer = call("--show-completion", shell)
    assert answer.status == 0, answer.err
    assert "_CRISPIM_IJ_COMPLETE" in answer.out
