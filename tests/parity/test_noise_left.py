"""The table of docs/parity.md, from the kernels rather than from a measurement."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from crispim_ij.parity import Interpolation, resize

ROW = re.compile(r"^\| (none|bilinear|bicubic) \| (on|off) \|((?: [\d.]+ % \|)+)$", re.MULTILINE)
DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"


def noise_left(factor: int, interpolation: Interpolation, average: bool) -> float:
    """The root of the sum of squared weights of one output pixel."""
    size = 12
    weights = []
    for place in range(size * factor):
        impulse = np.zeros((size * factor, size * factor), np.float32)
        impulse[place] = 1
        rows = resize(impulse, size, size, interpolation, average)
        weights.append(rows[size // 2, size // 2])
    # The kernel is the same along X: the two-dimensional one is their product.
    return float(np.square(weights).sum())


def rows() -> list[tuple[Interpolation, bool, list[float]]]:
    found = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [
        (Interpolation(name), average == "on", [float(x) for x in re.findall(r"[\d.]+", cells)])
        for name, average, cells in found
    ]


@pytest.mark.parametrize(("interpolation", "average", "percents"), rows())
def test_the_documents_table(
    interpolation: Interpolation, average: bool, percents: list[float]
) -> None:
    for factor, percent in zip((2, 3, 4, 8), percents, strict=True):
        assert 100 * noise_left(factor, interpolation, average) == pytest.approx(percent, abs=0.2)


def test_the_table_is_found() -> None:
    assert len(rows()) == 6
