from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile

from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.reproduction import RunDirectory, recipes
from crispim_ij.reproduction.stages import Progress
from tests.cli.conftest import Call
from tests.reproduction.process import QUICK


@pytest.fixture(scope="module")
def brains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brains")
    for seed in range(2):
        volume = simulate_volume(PhantomSettings((3, 40, 48), seed=seed, pixel_size=7.2))
        tifffile.imwrite(folder / f"brain {seed}.tif", volume, photometric="minisblack")
    return folder


@pytest.fixture
def _few_steps() -> Iterator[None]:
    before, recipes.QUICK = recipes.QUICK, QUICK
    yield
    recipes.QUICK = before


@pytest.mark.long
@pytest.mark.usefixtures("_few_steps")
def test_the_whole_way(
    call: Call, brains: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the timing, which `tests/reproduction/test_cost.py` tests."""
    monkeypatch.setattr("crispim_ij.reproduction.recipes._timed", lambda recipe: 1.0)
    out = tmp_path / "out"
    command = ("reproduce", brains, out, "--quick", "--model", model, "--test", "brain 1")
    answer = call(*command)
    assert answer.status == 0, answer.err
    for said in (
        "brain 1: tested on",
        "Expected time of this run",
        "Expected time without --quick",
    ):
        assert said in answer.out
    assert "Needed on disk: at most" in answer.out
    for method in ("paper-2d", "paper-3d", "tv-tuned", model.name):
        assert method in answer.out
    (page,) = [line for line in answer.out.splitlines() if line.startswith("Report: ")]
    assert (tmp_path / page.removeprefix("Report: ")).is_file()
    written = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert written["settings"]["quick"]

    answer = call(*command)
    assert answer.status == 2
    assert "holds a run already" in " ".join(answer.err.split())
    answer = call(*command, "--resume", "--seed", 1)
    assert answer.status == 2
    assert "has other settings than this run" in " ".join(answer.err.split())
    answer = call(*command, "--resume", "--dry-run")
    assert answer.status == 0, answer.err
    assert "All of this run is done already" in answer.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--resume",), "holds no run"),
        (("--resume", "--overwrite"), "--resume"),
        (("--test", "brain 7"), "--test"),
        (("--factor", "4"), "--factor"),
        (("--seed", "-1"), "--seed"),
        (("--model", "median"), "no method 'median'"),
        (("--model", "tv"), "a method 'tv' already"),
    ],
)
def test_faults_are_told_before_any_work(
    call: Call, brains: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    answer = call("reproduce", brains, tmp_path / "out", *options)
    assert answer.status == 2
    assert said in " ".join(answer.err.split())
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_and_writes_nothing(
    call: Call, brains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crispim_ij.reproduction.recipes._timed", lambda recipe: 1.0)
    out = tmp_path / "out"
    answer = call("reproduce", brains, out, "--quick", "--dry-run")
    assert answer.status == 0, answer.err
    for said in ("brain 1", "Expected time of this run", "Needed on disk", "Nothing was written."):
        assert said in answer.out
    assert not list(tmp_path.iterdir())


def test_output_among_the_input(call: Call, brains: Path) -> None:
    answer = call("reproduce", brains / "brain 0.tif", brains / "brain 1.tif", brains)
    assert answer.status == 2
    assert "other files" in answer.err


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_after_the_plane_at_work(
    call: Call, brains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def interrupted(run: object, place: object, progress: Progress) -> None:
        with progress("preparing", 3, "planes") as advance:
            signal.raise_signal(signal.SIGINT)
            told.append("still at work")
            advance(1, "")
            told.append("too far")

    monkeypatch.setattr("crispim_ij.reproduction.recipes._timed", lambda recipe: 1.0)
    monkeypatch.setattr("crispim_ij.reproduction.reproduce", interrupted)
    answer = call("reproduce", brains, tmp_path / "out")
    assert (answer.status, told) == (130, ["still at work"])
    said = " ".join(answer.err.split())
    assert "was interrupted; the same command with --resume continues it" in said


def test_names_of_stacks_are_printed_as_they_are(
    call: Call, brains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for k, stack in enumerate(sorted(brains.iterdir())):
        shutil.copy(stack, tmp_path / f"in/brain [red]{k}.tif")

    def done(run: object, directory: RunDirectory, progress: Progress) -> tuple[Path, list[object]]:
        return directory.page, []

    monkeypatch.setattr("crispim_ij.reproduction.recipes._timed", lambda recipe: 1.0)
    monkeypatch.setattr("crispim_ij.reproduction.reproduce", done)
    answer = call("reproduce", tmp_path / "in", tmp_path / "out [bold]")
    assert answer.status == 0, answer.err
    assert "- brain [red]0: " in answer.out
    assert f"Report: {tmp_path / 'out [bold]'}" in answer.out


def test_too_little_room(
    call: Call, brains: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crispim_ij.reproduction.recipes._timed", lambda recipe: 1.0)
    answer = call("reproduce", brains, small_disk / "out")
    assert answer.status == 2
    assert "free some" in " ".join(answer.err.split())
