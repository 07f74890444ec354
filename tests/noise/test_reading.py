from __future__ import annotations

import numpy as np
import pytest

from crispim_ij.noise.reading import WINDOW, channel_stacks, read_pairs
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata


@pytest.mark.parametrize(
    ("axes", "sizes", "channels"),
    [
        ("Z", (3,), [[[0, 1, 2]]]),
        ("ZC", (2, 2), [[[0, 2]], [[1, 3]]]),
        ("T", (3,), [[[0], [1], [2]]]),
        ("TZC", (2, 2, 2), [[[0, 2], [4, 6]], [[1, 3], [5, 7]]]),
        ("CT", (2, 2), [[[0], [1]], [[2], [3]]]),
    ],
)
def test_channels_and_their_stacks(axes: str, sizes: tuple[int, ...], channels: object) -> None:
    found = channel_stacks(Metadata(axes=axes, sizes=sizes), int(np.prod(sizes)))
    assert [stacks.tolist() for stacks in found] == channels


def test_neighbours_are_of_the_same_stack() -> None:
    numbers = np.arange(12, dtype=np.uint16)[:, None, None] * np.ones((8, 8), np.uint16)
    source = ArraySource(numbers)
    stacks = np.array([[0, 2, 4], [6, 8, 10]])
    pairs = [
        (int(a[0, 0]), int(b[0, 0])) for a, b in read_pairs(source, stacks, 99) if b is not None
    ]
    assert pairs == [(0, 2), (2, 4), (4, 2), (6, 8), (8, 10), (10, 8)]
    assert [pair.beside for pair in read_pairs(source, np.array([[3], [5]]), 2)] == [None, None]


def test_planes_are_spread_over_the_stack() -> None:
    source = ArraySource(np.arange(9)[:, None, None] * np.ones((9, 8, 8)))
    pairs = read_pairs(source, np.arange(9)[None], 3)
    assert [int(pair.plane[0, 0]) for pair in pairs] == [0, 4, 8]


def test_of_large_planes_parts_are_read() -> None:
    side = WINDOW + 300
    plane = np.arange(side)[:, None] * np.ones((1, 20))
    source = ArraySource(np.stack([plane] * 3))
    shown = [pair.plane[[0, -1], 0].tolist() for pair in read_pairs(source, np.arange(3)[None], 3)]
    assert shown == [[150, 150 + WINDOW - 1], [0, WINDOW - 1], [300, side - 1]]
