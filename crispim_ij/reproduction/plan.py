"""What is done with each stack, settled before any work from sizes and a few planes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source, open_source
from crispim_ij.preprocessing import PreprocessSettings, target_size
from crispim_ij.reproduction.choice import TEST_RANGES, Measured, choose_test, paper_range
from crispim_ij.reproduction.levels import CountMap, Levels, measure_levels
from crispim_ij.reproduction.settings import ReproductionSettings
from crispim_ij.reproduction.stacks import find_stacks, stack_name

PAPER_FACTOR = 4.0
PAPER_PATCH = 256
PAPER_NOISE = (30.0, 40.0)  # of one half of the training stacks, and of the other

SMALLEST_PATCH = 32
"""Side, in px, below which a patch shows a 3D network too little."""

GRID = 8
"""Patches are multiples of this, the coarser of the two networks' strides."""


@dataclass(frozen=True)
class StackPlan:
    """What is done with one stack.

    Attributes
    ----------
    name : str
        Its name, and that of its files in the output.
    path : Path
        Where it is.
    shape : tuple of int
        Planes, rows and columns.
    levels : Levels
        Its brightness and its own noise.
    preprocess : PreprocessSettings
        How it is downsampled, and which noise it gets.
    count_map : CountMap or None
        What becomes of its counts first.
    pixel_bytes : int
        Bytes of a pixel after that.
    """

    name: str
    path: Path
    shape: tuple[int, int, int]
    levels: Levels
    preprocess: PreprocessSettings
    count_map: CountMap | None
    pixel_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after downsampling."""
        return target_size(self.shape[1:], self.preprocess.factor)

    @property
    def own_noise(self) -> float:
        """Standard deviation of the noise that it has by itself, in the counts of the output."""
        return self.levels.noise * (self.count_map.scale if self.count_map else 1)


@dataclass(frozen=True)
class Plan:
    """What a reproduction does with all stacks.

    Attributes
    ----------
    training : tuple of StackPlan
        The stacks that are trained on.
    test : StackPlan
        The stack that is tested on, and never trained on.
    why_test : str
        Why that one.
    patch : int
        Side of the full recipes' patches in px, which every training stack holds.
    window : tuple of int
        Top row, left column and side, in px, of the part of each plane that is tested.
    """

    training: tuple[StackPlan, ...]
    test: StackPlan
    why_test: str
    patch: int
    window: tuple[int, int, int]

    def test_planes(self, table: str) -> range:
        """Return the planes of the test stack that a table's are drawn from."""
        return paper_range(self.test.shape[0], *TEST_RANGES[table])

    def described(self) -> dict[str, Any]:
        """Return all of it, JSON-ready."""

        def described(stack: StackPlan) -> dict[str, Any]:
            preprocess = asdict(stack.preprocess)
            interpolation = stack.preprocess.interpolation.value
            return {
                **asdict(stack),
                "path": str(stack.path.resolve()),
                "preprocess": {**preprocess, "interpolation": interpolation},
            }

        return {
            "training": [described(stack) for stack in self.training],
            "test": described(self.test),
            "patch": self.patch,
            "window": self.window,
        }


def make_plan(data: Sequence[Path], settings: ReproductionSettings) -> Plan:
    """Find stacks, measure them and settle what is done with each.

    Parameters
    ----------
    data : sequence of Path
        Folders and files with clean stacks.
    settings : ReproductionSettings
        What is asked for.

    Returns
    -------
    Plan
        What to do.

    Raises
    ------
    CrispimError
        If the stacks can't be read, are fewer than two, or too small.
    """
    found = find_stacks(data)
    if settings.test is not None:
        given = Path(settings.test)
        if settings.test not in found and given.exists():
            found.setdefault(stack_name(given), given)
    if len(found) < 2:
        raise CrispimError(
            f"'{data[0]}' holds one stack only, and a network must not be tested on what it was "
            "trained on: give a second stack."
        )
    with ExitStack() as opened:
        # All headers are judged before the first pixel is read.
        sources = {name: opened.enter_context(open_source(path)) for name, path in found.items()}
        for source in sources.values():
            _check_stack(source)
        measured = [_measure(name, source, settings.factor) for name, source in sources.items()]
    return _planned(measured, settings)


def _check_stack(source: Source) -> None:
    """Refuse what is no stack of planes above one another."""
    others = {axis: n for axis, n in _sizes(source).items() if axis != "Z" and n > 1}
    if others:
        raise CrispimError(
            f"'{source.path}' has several channels or time points: save the one that is to be "
            "reproduced as a stack of its own."
        )
    if len(source) < 2:
        raise CrispimError(
            f"'{source.path}' holds one plane, not a stack: leave it out, or put the planes of a "
            "stack into a folder of their own."
        )


def _sizes(source: Source) -> dict[str, int]:
    return dict(zip(source.metadata.axes, source.metadata.sizes, strict=True))


def _measure(name: str, source: Source, factor: float | None) -> Measured:
    """Settle by how much a stack shrinks, and measure it so."""
    if factor is None:
        enough = min(target_size(source.shape[1:], PAPER_FACTOR)) >= PAPER_PATCH
        factor = PAPER_FACTOR if enough else 1.0
    levels = measure_levels(source, factor)
    return Measured(name, source.path, source.shape, source.dtype.itemsize, factor, levels)


def _planned(measured: Sequence[Measured], settings: ReproductionSettings) -> Plan:
    """Settle what each stack is for, its noise, and the patches."""
    test, why = choose_test(measured, settings.test)
    training = []
    seed = settings.seed
    for k, stack in enumerate(one for one in measured if one is not test):
        noise = PAPER_NOISE[k % 2]
        training.append(_stack_plan(stack, (noise, noise), seed, rescale=settings.rescale))
        # No two planes of a run get the same noise.
        seed += stack.shape[0]
    tested = _stack_plan(test, (0.0, 0.0), seed, rescale=settings.rescale)
    side = _patch([tested])
    top, left = (length - side for length in tested.size)
    return Plan(tuple(training), tested, why, _patch(training), (top, left, side))


def _stack_plan(
    stack: Measured, noise: tuple[float, float], seed: int, *, rescale: bool
) -> StackPlan:
    preprocess = PreprocessSettings(stack.factor, noise_sd=noise, seed=seed)
    return StackPlan(
        name=stack.name,
        path=stack.path,
        shape=stack.shape,
        levels=stack.levels,
        preprocess=preprocess,
        count_map=CountMap.to_paper(stack.levels) if rescale else None,
        pixel_bytes=2 if rescale else stack.pixel_bytes,
    )


def _patch(stacks: Sequence[StackPlan]) -> int:
    """Return the side of the largest patch that all hold, up to the paper's."""
    smallest = min(stacks, key=lambda stack: min(stack.size))
    side = math.floor(min(*smallest.size, PAPER_PATCH) / GRID) * GRID
    if side < SMALLEST_PATCH:
        rows, columns = smallest.size
        raise CrispimError(
            f"'{smallest.path}' has planes of {columns} x {rows} px after downsampling by "
            f"{smallest.preprocess.factor:g}, smaller than {SMALLEST_PATCH} px: leave it out, or "
            "give a smaller --factor."
        )
    return side
