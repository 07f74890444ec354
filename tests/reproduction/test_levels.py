from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.reproduction.levels import CountMap, Levels, measure_levels


def test_percentiles_and_noise_are_the_stacks(flat_stack: Path) -> None:
    with open_source(flat_stack) as source:
        levels = measure_levels(source, 1)
    low, high = np.percentile(tifffile.imread(flat_stack), (1, 99))
    assert (levels.low, levels.high) == (low, high)
    assert levels.noise == pytest.approx(10, rel=0.1)


def test_they_are_those_of_downsampled_planes(flat_stack: Path) -> None:
    with open_source(flat_stack) as source:
        levels = measure_levels(source, 4)
    # Means of 16 pixels have a quarter of their noise.
    assert levels.noise < 5
    assert levels.high - levels.low < 20


def test_percentiles_come_to_lie_at_100_and_500_counts() -> None:
    levels = Levels(1100, 2300, 54)
    count_map = CountMap.to_paper(levels)
    counts = np.array([0, 1100, 1700, 2300, 65535, 60], np.uint16)
    assert count_map(counts).tolist() == [0, 100, 300, 500, 21578, 0]
    assert levels.noise * count_map.scale == pytest.approx(400 * levels.relative_noise)


def test_what_exceeds_16_bits_is_clipped() -> None:
    assert CountMap(100, 0)(np.array([65535.0])).tolist() == [65535]


def test_a_blank_stack_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "blank.tif", np.full((5, 16, 16), 7, np.uint16))
    with open_source(tmp_path / "blank.tif") as source, pytest.raises(CrispimError, match="blank"):
        measure_levels(source, 1)
