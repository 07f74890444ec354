"""Decoded planes kept in memory, because a training run reads each of them many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

from numpy.typing import NDArray

from crispim_ij.training.patches import Planes, TrainingStack


class KeptPlanes:
    """Planes of which those read last stay in memory.

    Parameters
    ----------
    planes : Planes
        Where they come from.
    most : int
        Most planes to keep.
    """

    def __init__(self, planes: Planes, most: int) -> None:
        self.path, self.shape, self.dtype = planes.path, planes.shape, planes.dtype
        self._read = planes.read
        self._kept = lru_cache(maxsize=most)(self._read_fixed)

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array that can't be written to."""
        return self._kept(index)

    def _read_fixed(self, index: int) -> NDArray[Any]:
        plane = self._read(index)
        plane.flags.writeable = False
        return plane


def keep_planes(stacks: Sequence[TrainingStack], cache: float) -> list[TrainingStack]:
    """Let stacks keep the planes that were read last.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        Each gets an equal share, since each is drawn from with equal chances.
    cache : float
        GB for all of them together.

    Returns
    -------
    list of TrainingStack
        The same stacks, that give the same pixels.
    """
    shares = sum(1 if stack.noisy is None else 2 for stack in stacks)

    def keep(planes: Planes) -> Planes:
        size = prod(planes.shape[1:]) * planes.dtype.itemsize
        return KeptPlanes(planes, int(cache * 1e9 / shares / size))

    return [
        replace(stack, clean=keep(stack.clean), noisy=stack.noisy and keep(stack.noisy))
        for stack in stacks
    ]
