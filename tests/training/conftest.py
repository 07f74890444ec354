"""A small run, for the tests of all parts of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from crispim_ij.planes import open_source
from crispim_ij.training import TrainingStack, open_stack
from tests.training.small import RECIPE


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[TrainingStack]]:
    """A stack of 12 planes of 40 x 40 px, in clean.tif."""
    speckle = np.random.default_rng(5).gamma(4, 60, (12, 40, 40))
    planes = gaussian_filter(speckle, (0, 3, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "clean.tif", planes, photometric="minisblack")
    with open_source(tmp_path / "clean.tif") as source:
        yield [open_stack(source, None, RECIPE)]
