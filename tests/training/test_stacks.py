from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.training import TrainingStack, load_recipe, open_stack
from crispim_ij.training.patches import training_batch
from crispim_ij.training.stacks import Planes, cache_planes
from tests.training.small import RECIPE

PLANE = 40 * 40 * 2 / 1e9
"""GB of one of the small stack's planes."""


class Counted:
    """Planes that count how often each of them is read."""

    def __init__(self, planes: Planes) -> None:
        self.path, self.shape, self.dtype = planes.path, planes.shape, planes.dtype
        self.planes, self.reads = planes, [0] * len(planes)

    def __len__(self) -> int:
        return len(self.planes)

    def read(self, index: int) -> np.ndarray:
        self.reads[index] += 1
        return self.planes.read(index)


def counted(stack: TrainingStack, *, noisy: bool = False) -> tuple[Counted, TrainingStack]:
    planes = Counted(stack.clean)
    pair = planes if noisy else None
    return planes, TrainingStack(planes, pair, stack.black, stack.span, stack.sha256)


def test_planes_that_fit_are_read_once(stacks: list[TrainingStack]) -> None:
    planes, stack = counted(stacks[0])
    kept = cache_planes([stack], 12.5 * PLANE)
    for step in range(10):
        batch = training_batch(kept, RECIPE, step)
        np.testing.assert_array_equal(batch, training_batch(stacks, RECIPE, step))
    assert max(planes.reads) == 1


def test_no_more_are_kept_than_fit(stacks: list[TrainingStack]) -> None:
    """Six planes for each of two sources: the seventh costs the first its place."""
    planes, stack = counted(stacks[0], noisy=True)
    (kept,) = cache_planes([stack], 12.5 * PLANE)
    for index in (*range(6), *range(6), 6, 6, 0, 6):
        kept.clean.read(index)
    assert planes.reads == [2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_nothing_is_kept_without_memory(stacks: list[TrainingStack]) -> None:
    planes, stack = counted(stacks[0])
    (kept,) = cache_planes([stack], 0)
    kept.clean.read(3)
    kept.clean.read(3)
    assert planes.reads[3] == 2


def test_what_is_kept_can_not_be_changed(stacks: list[TrainingStack], tmp_path: Path) -> None:
    (kept,) = cache_planes(stacks, 1)
    assert kept.clean.path == tmp_path / "clean.tif"
    assert len(kept.clean) == 12
    with pytest.raises(ValueError, match="read-only"):
        kept.clean.read(0)[0, 0] = 7


RAMP = np.broadcast_to(np.linspace(0, 1, 160), (2, 160, 160))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_planes_of_small_numbers_are_rescaled_as_others_are(scale: float) -> None:
    """Their span is their own, not one count."""
    stack = open_stack(
        ArraySource((RAMP * scale).astype(np.float32)), None, load_recipe("crispim-2d")
    )
    assert stack.span == pytest.approx(0.94 * scale, rel=0.01)
    counts = open_stack(ArraySource(np.full((2, 160, 160), 7, np.uint16)), None, RECIPE)
    assert counts.span == 1


def test_noise_in_counts_on_planes_from_0_to_1_is_refused() -> None:
    source = ArraySource(RAMP.astype(np.float32))
    with pytest.raises(CrispimError, match=r"values that span 0\.944, .* such as crispim-2d"):
        open_stack(source, None, RECIPE)
