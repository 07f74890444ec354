"""What is done with each stack, settled before any work from sizes and a few planes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX
from crispim_ij.planes import Source, open_source
from crispim_ij.preprocessing import PreprocessSettings, target_size
from crispim_ij.reproduction.stacks import (
    CountMap,
    StackStatistics,
    find_stacks,
    measure_stack,
    stack_name,
)

PAPER_PLANES = 20  # tested
_TEST_STACK = 2888  # planes of the paper's test stack
TEST_RANGES: Mapping[str, tuple[int, int]] = {"Table 1": (1000, 2000), "Table 2": (800, 2000)}
"""Planes of that stack between which the paper drew those that it tested."""

PAPER_FACTOR = 4.0
PAPER_PATCH = 256
PAPER_NOISE = (30.0, 40.0)  # of one half of the training stacks, and of the other

SMALLEST_PATCH = 32
"""Side, in px, below which a patch shows a 3D network too little."""

GRID = 8
"""Patches are multiples of this, the coarser of the two networks' strides."""


@dataclass(frozen=True)
class ReproductionSettings:
    """All that decides a reproduction, but for the data.

    Attributes
    ----------
    test : str or None
        Name or path of the stack that is tested on; None leaves it to `choose_test`.
    factor : float or None
        Factor by which planes shrink; None shrinks them by the paper's 4 where that leaves
        the paper's patch, and leaves them as they are where it doesn't.
    rescale : bool
        Map each stack's counts to those of the paper's tissue.
    quick : bool
        Train for minutes rather than for as long as the paper did.
    models : tuple of str
        More models to measure: names, model folders or files of Keras 2.
    seed : int
        Decides the noise, the first weights, every patch and the planes that are tested.

    Raises
    ------
    CrispimError
        If a value can't be.
    """

    test: str | None = None
    factor: float | None = None
    rescale: bool = True
    quick: bool = False
    models: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        # Each plane of a run seeds a generator of its own, from here up.
        most = INT_MAX // 2
        if not 0 <= self.seed <= most:
            raise CrispimError(f"--seed is {self.seed}; it must be from 0 to {most}.")


@dataclass(frozen=True)
class MeasuredStack:
    """A stack before it is settled what it is for."""

    name: str
    path: Path
    shape: tuple[int, int, int]
    pixel_bytes: int
    factor: float
    statistics: StackStatistics


@dataclass(frozen=True)
class StackPlan:
    """What is done with one stack; `pixel_bytes` is of its pixels after that."""

    name: str
    path: Path
    shape: tuple[int, int, int]
    statistics: StackStatistics
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
        return self.statistics.noise * (self.count_map.scale if self.count_map else 1)


@dataclass(frozen=True)
class ReproductionPlan:
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
        return {
            "training": [_described(stack) for stack in self.training],
            "test": _described(self.test),
            "patch": self.patch,
            "window": self.window,
        }


def _described(stack: StackPlan) -> dict[str, Any]:
    """Return what is done with a stack, JSON-ready, under the names that `run.json` has."""
    described = asdict(stack)
    described["levels"] = described.pop("statistics")
    described["path"] = str(stack.path.resolve())
    described["preprocess"]["interpolation"] = stack.preprocess.interpolation.value
    return described


def run_description(settings: ReproductionSettings, plan: ReproductionPlan) -> dict[str, Any]:
    """Return what must be the same, JSON-ready, in a run that is resumed."""
    return {"settings": asdict(settings), "stacks": plan.described()}


def make_plan(data: Sequence[Path], settings: ReproductionSettings) -> ReproductionPlan:
    """Find stacks in folders and files, measure them and settle what is done with each.

    CrispimError if the stacks can't be read, are fewer than two, or too small.
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
    others = {axis: n for axis, n in source.metadata.lengths.items() if axis != "Z" and n > 1}
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


def _measure(name: str, source: Source, factor: float | None) -> MeasuredStack:
    """Settle by how much a stack shrinks, and measure it so."""
    if factor is None:
        enough = min(target_size(source.shape[1:], PAPER_FACTOR)) >= PAPER_PATCH
        factor = PAPER_FACTOR if enough else 1.0
    statistics = measure_stack(source, factor)
    return MeasuredStack(name, source.path, source.shape, source.dtype.itemsize, factor, statistics)


def _planned(measured: Sequence[MeasuredStack], settings: ReproductionSettings) -> ReproductionPlan:
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
    return ReproductionPlan(tuple(training), tested, why, _patch(training), (top, left, side))


def choose_test(stacks: Sequence[MeasuredStack], wanted: str | None) -> tuple[MeasuredStack, str]:
    """Choose the stack to test on.

    Unless one is named, it is the stack with the least noise of its own, relative to the
    span of its counts, among those long enough that the part which the paper tested holds
    20 planes; where none is so long, the longest. Noise in a training target averages out,
    noise in a test's truth is counted as every method's error.

    Returns the stack and why that one, for people.
    """
    if wanted is not None:
        for stack in stacks:
            if wanted == stack.name or Path(wanted).resolve() == stack.path.resolve():
                return stack, "as asked for"
        raise CrispimError(
            f"There is no stack {wanted!r} (--test): name one of "
            f"{', '.join(stack.name for stack in stacks)}, or give the path of another."
        )
    first, last = TEST_RANGES["Table 1"]
    long_enough = [
        stack for stack in stacks if stack.shape[0] * (last - first) > PAPER_PLANES * _TEST_STACK
    ]
    if long_enough:
        cleanest = min(long_enough, key=lambda stack: stack.statistics.relative_noise)
        return cleanest, (
            "the stack with the least noise of its own, as a share of its counts, among the "
            f"{len(long_enough)} long enough"
        )
    return max(stacks, key=lambda stack: stack.shape[0]), "the longest stack"


def paper_range(planes: int, first: int, last: int) -> range:
    """Return the planes that are tested, as far along the stack as the paper's of its 2888.

    The range is widened on both sides, where it is short, until it holds 20 planes and as many
    that strengths can be tuned on, or all.
    """
    start, stop = planes * first // _TEST_STACK, -(-planes * last // _TEST_STACK)
    missing = max(2 * PAPER_PLANES - (stop - start), 0)
    start = max(min(start - missing // 2, planes - 2 * PAPER_PLANES), 0)
    stop = min(max(stop, start + 2 * PAPER_PLANES), planes)
    return range(start, stop)


def _stack_plan(
    stack: MeasuredStack, noise: tuple[float, float], seed: int, *, rescale: bool
) -> StackPlan:
    preprocess = PreprocessSettings(stack.factor, noise_sd=noise, seed=seed)
    return StackPlan(
        name=stack.name,
        path=stack.path,
        shape=stack.shape,
        statistics=stack.statistics,
        preprocess=preprocess,
        count_map=CountMap.to_paper(stack.statistics) if rescale else None,
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
