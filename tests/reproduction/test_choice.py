from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.reproduction.choice import Measured, choose_test, paper_range
from crispim_ij.reproduction.levels import Levels


def _measured(name: str, planes: int, noise: float) -> Measured:
    return Measured(name, Path(name), (planes, 64, 64), 2, 1, Levels(0, 100, noise))


def test_the_cleanest_of_the_long_stacks_is_tested_on() -> None:
    stacks = [
        _measured("long", 400, 5.0),
        _measured("cleanest", 57, 0.1),
        _measured("clean", 58, 2.0),
    ]
    chosen, why = choose_test(stacks, None)
    assert (chosen.name, why[:37]) == ("clean", "the stack with the least noise of its")
    chosen, why = choose_test([*stacks[1:2], _measured("short", 20, 0.0)], None)
    assert (chosen.name, why) == ("cleanest", "the longest stack")
    assert choose_test(stacks, "long") == (stacks[0], "as asked for")


@given(st.integers(2, 4000))
def test_tested_planes_lie_as_far_along_as_the_papers(planes: int) -> None:
    tested = paper_range(planes, 1000, 2000)
    assert 0 <= tested.start < tested.stop <= planes
    assert len(tested) >= min(40, planes)
    if planes >= 120:
        assert tested.start / planes == pytest.approx(1000 / 2888, abs=1 / planes)
        assert tested.stop / planes == pytest.approx(2000 / 2888, abs=1 / planes)


def test_the_papers_own_ranges() -> None:
    assert paper_range(2888, 1000, 2000) == range(1000, 2000)
    assert paper_range(2888, 800, 2000) == range(800, 2000)
