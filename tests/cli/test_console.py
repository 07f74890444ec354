from __future__ import annotations

import re
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import tifffile

from crispim_ij.cli.console import console, errors, progress_bar, waiting
from crispim_ij.cli.outcome import say_problems
from crispim_ij.evaluation import PlaneMetrics, render_table, summarise
from crispim_ij.models import save_model
from crispim_ij.networks import build
from tests.cli.conftest import Call

NAMES = (":100:", "[red]", "[/red]", "scan [bold]2[/bold]", "a\\[b]", "[link=x]y", ":smile: $x$")


@pytest.mark.parametrize("name", NAMES)
def test_text_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    row = PlaneMetrics("p", 30, name, 70.0, 1.0, 0.9, 3.0, 30.0, 0.9, 0.3)
    table = Table(name)
    table.add_row(name)
    for stream in (console, errors):
        stream.print(name, soft_wrap=True)
        stream.print(name, style="bold", soft_wrap=True)
        stream.print(table)
    console.print(render_table(summarise([row])))
    say_problems([name])
    said = capsys.readouterr()
    assert (said.out.count(name), said.err.count(name)) == (5, 5)
    with progress_bar(name, 1, "planes") as bar:
        assert str(bar.columns[0].render(bar.tasks[0])) == name  # type: ignore[attr-defined]


def test_a_log_file_is_told_that_work_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("crispim_ij.cli.console.LINE_EVERY", 0.05)
    with waiting("timing [red]steps"):
        sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(re.match(r"timing \[red\]steps: \d s so far", line) for line in lines)


def test_names_of_files_and_models_are_printed_as_they_are(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "[red]:100:"
    folder.mkdir()
    rng = np.random.default_rng(0)
    planes = rng.normal(300, 30, (2, 48, 64)).round().astype(np.uint16)
    tifffile.imwrite(folder / "a[b].tif", planes, photometric="minisblack")
    answer = call("calibrate", folder / "a[b].tif", "--offset", 100, "--out", folder / "c.json")
    assert answer.status == 0, answer.err
    assert ":100:" in answer.out.split("--camera")[1]
    assert f"{folder / 'c.png'}" in answer.out
    assert "[red]:100:" in call("inspect", folder / "gone.tif").err
    monkeypatch.setenv("CRISPIM_MODELS", str(tmp_path))
    save_model(build("paper-2d"), "paper-2d", tmp_path / "net[red]:100:", {})
    assert "net[red]:100: " in call("models", "list").out
