from __future__ import annotations

import threading
import time
from itertools import count, islice

import pytest

from crispim_ij.prefetch import prefetch


def test_keeps_the_order() -> None:
    def slow_if_even(item: int) -> int:
        time.sleep(0.002 * (item % 2 == 0))
        return item * item

    assert list(prefetch(slow_if_even, range(50), workers=4, ahead=8)) == [k * k for k in range(50)]


def test_runs_no_farther_ahead_than_told() -> None:
    begun = []
    results = prefetch(begun.append, count(), workers=2, ahead=3)
    list(islice(results, 5))
    time.sleep(0.05)
    assert len(begun) <= 5 + 3
    results.close()


def test_raises_where_the_result_would_have_come() -> None:
    def refuse_three(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = prefetch(refuse_three, range(100), workers=2, ahead=4)
    assert list(islice(results, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_uses_its_workers() -> None:
    meeting = threading.Barrier(2, timeout=5)
    assert len(list(prefetch(lambda _: meeting.wait(), range(4), workers=2, ahead=4))) == 4
