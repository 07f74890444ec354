"""The clock tells times that were slept, in the kinds that they were spent in."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crispim_ij.profiling import Clock, peak_memory

NAP = 0.1
SLACK = 0.08
"""What may pass between a nap's own clock and the one that is tested."""


def nap(seconds: float) -> float:
    """Sleep, and return how long it was: a busy machine wakes late."""
    start = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - start


def test_kinds_are_apart_and_waiting_is_what_is_left() -> None:
    clock = Clock()
    reading = clock.timed("reading", nap)(NAP)
    writing = clock.timed("writing", nap)(2 * NAP)
    waiting = nap(3 * NAP)
    profile = clock.profile()
    assert profile.reading == pytest.approx(reading, abs=SLACK)
    assert profile.writing == pytest.approx(writing, abs=SLACK)
    assert profile.waiting == pytest.approx(waiting, abs=SLACK)
    assert profile.computing == 0
    assert profile.wall == pytest.approx(reading + writing + waiting, abs=SLACK)


def test_what_is_within_counts_once() -> None:
    clock = Clock()
    with clock.measure("computing"):
        computing = nap(NAP)
        with clock.measure("reading"):
            reading = nap(2 * NAP)
    profile = clock.profile()
    assert profile.computing == pytest.approx(computing, abs=SLACK)
    assert profile.reading == pytest.approx(reading, abs=SLACK)
    assert profile.waiting == pytest.approx(0, abs=SLACK)


def test_other_threads_do_not_shorten_the_waiting() -> None:
    clock = Clock()
    with ThreadPoolExecutor(2) as threads:
        naps = list(threads.map(clock.timed("computing", nap), [NAP, NAP]))
    profile = clock.profile()
    assert profile.computing == pytest.approx(sum(naps), abs=SLACK)
    assert profile.waiting == pytest.approx(profile.wall, abs=SLACK)


def test_a_denoiser_is_measured_after_it_is_told_the_noise() -> None:
    naps = []

    class Sleeper:
        depth = 1

        def told(self, noise: str) -> Sleeper:
            assert noise == "much"
            return Sleeper()

        def __call__(self, plane: str) -> str:
            naps.append(nap(NAP))
            return plane

        extended = __call__

    clock = Clock()
    told = clock.denoiser(Sleeper()).told("much")  # type: ignore[arg-type]
    assert told.depth == 1
    assert told("plane") == told.extended("plane") == "plane"  # type: ignore[arg-type, call-arg]
    assert clock.profile().computing == pytest.approx(sum(naps), abs=SLACK)


def test_a_block_that_fails_is_measured() -> None:
    clock = Clock()
    naps = []

    def failing() -> None:
        naps.append(nap(NAP))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        clock.timed("reading", failing)()
    assert clock.profile().reading == pytest.approx(sum(naps), abs=SLACK)


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory()
    held = np.ones(before // 8 + 50_000_000)
    assert peak_memory() >= held.nbytes > before
