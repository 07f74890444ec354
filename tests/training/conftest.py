"""A small run, for the tests of all parts of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from crispim_ij.models import Model
from crispim_ij.planes import open_source
from crispim_ij.training import TrainingStack, open_stack, train
from tests.training.small import QUIET, RECIPE, interrupt_at


@contextmanager
def opened(folder: Path) -> Iterator[list[TrainingStack]]:
    """A stack of 12 planes of 40 x 40 px, written to a folder as clean.tif."""
    speckle = np.random.default_rng(5).gamma(4, 60, (12, 40, 40))
    planes = gaussian_filter(speckle, (0, 3, 3)).astype(np.uint16)
    tifffile.imwrite(folder / "clean.tif", planes, photometric="minisblack")
    with open_source(folder / "clean.tif") as source:
        yield [open_stack(source, None, RECIPE)]


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[TrainingStack]]:
    with opened(tmp_path) as stacks:
        yield stacks


@pytest.fixture(scope="package")
def whole_steps() -> list[int]:
    """The steps that the run of `whole` told of."""
    return []


@pytest.fixture(scope="package")
def whole(whole_steps: list[int], tmp_path_factory: pytest.TempPathFactory) -> Model:
    """What a run of the small recipe on that stack leaves; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    with opened(folder) as stacks:
        return train(
            stacks,
            RECIPE,
            folder / "whole",
            settings=QUIET,
            on_step=lambda done, _: whole_steps.append(done),
        )


@pytest.fixture(scope="package")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run, interrupted after 5 of its 8 steps; not to be changed."""
    folder = tmp_path_factory.mktemp("broken")
    with opened(folder) as stacks, pytest.raises(KeyboardInterrupt):
        train(stacks, RECIPE, folder / "parts", settings=QUIET, on_step=interrupt_at(5))
    return folder / "parts"
