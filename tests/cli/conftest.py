from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.cli.main import run
from tests.made import copy_model, fresh_model
from tests.told import told_model


@dataclass(frozen=True)
class Answer:
    """What a command ended with."""

    status: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `crispim-ij` in this process."""

    def run_command(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["crispim-ij", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run()
        said = capsys.readouterr()
        return Answer(int(end.value.code or 0), said.out, said.err)

    return run_command


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A folder of three planes."""
    folder = tmp_path / "noisy"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        tifffile.imwrite(folder / f"{index}.tif", rng.integers(50, 500, (40, 60), np.uint16))
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights."""
    folder = tmp_path_factory.mktemp("models") / "random"
    return copy_model(fresh_model("paper-2d"), folder).folder


@pytest.fixture
def grainy(tmp_path: Path) -> Path:
    """A folder of three planes with Gaussian noise of 30 counts."""
    folder = tmp_path / "grainy"
    folder.mkdir()
    for index in range(3):
        plane = np.random.default_rng(index).normal(300, 30, (48, 64)).round().astype(np.uint16)
        tifffile.imwrite(folder / f"{index}.tif", plane)
    return folder


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that is told the noise."""
    return told_model(tmp_path_factory.mktemp("models") / "told").folder
