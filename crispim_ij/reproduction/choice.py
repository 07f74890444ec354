"""Which stack is tested on, and which of its planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.reproduction.levels import Levels

PAPER_PLANES = 20  # tested
_TEST_STACK = 2888  # planes of the paper's test stack
TEST_RANGES: Mapping[str, tuple[int, int]] = {"Table 1": (1000, 2000), "Table 2": (800, 2000)}
"""Planes of that stack between which the paper drew those that it tested."""


@dataclass(frozen=True)
class Measured:
    """A stack before it is settled what it is for.

    Attributes
    ----------
    name : str
        Its name.
    path : Path
        Where it is.
    shape : tuple of int
        Planes, rows and columns.
    pixel_bytes : int
        Bytes of a pixel.
    factor : float
        Factor by which it shrinks.
    levels : Levels
        Its brightness and its own noise.
    """

    name: str
    path: Path
    shape: tuple[int, int, int]
    pixel_bytes: int
    factor: float
    levels: Levels


def choose_test(stacks: Sequence[Measured], wanted: str | None) -> tuple[Measured, str]:
    """Choose the stack to test on.

    Unless one is named, it is the stack with the least noise of its own, relative to the
    span of its counts, among those long enough that the part which the paper tested holds
    20 planes; where none is so long, the longest. Noise in a training target averages out,
    noise in a test's truth is counted as every method's error.

    Parameters
    ----------
    stacks : sequence of Measured
        All stacks.
    wanted : str or None
        Name or path of one of them.

    Returns
    -------
    stack : Measured
        The stack.
    why : str
        Why that one, for people.

    Raises
    ------
    CrispimError
        If there is no such stack.
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
        cleanest = min(long_enough, key=lambda stack: stack.levels.relative_noise)
        return cleanest, (
            "the stack with the least noise of its own, as a share of its counts, among the "
            f"{len(long_enough)} long enough"
        )
    return max(stacks, key=lambda stack: stack.shape[0]), "the longest stack"


def paper_range(planes: int, first: int, last: int) -> range:
    """Return the planes that are tested, as far along the stack as the paper's.

    Parameters
    ----------
    planes : int
        Planes in the stack.
    first, last : int
        What the paper took of its stack of 2888 planes.

    Returns
    -------
    range
        Widened on both sides, where it is short, until it holds 20 planes and as many
        that strengths can be tuned on, or all.
    """
    start, stop = planes * first // _TEST_STACK, -(-planes * last // _TEST_STACK)
    missing = max(2 * PAPER_PLANES - (stop - start), 0)
    start = max(min(start - missing // 2, planes - 2 * PAPER_PLANES), 0)
    stop = min(max(stop, start + 2 * PAPER_PLANES), planes)
    return range(start, stop)
