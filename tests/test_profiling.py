"""The clock tells times that were slept, in the kinds that they were spent in."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from crispim_ij.profiling import Clock, peak_memory

NAP = 0.1
SLACK = 0.08


def sleeping(seconds: float) -> None:
    time.sleep(seconds)


def test_kinds_are_apart_and_waiting_is_what_is_left() -> None:
    clock = Clock()
    clock.timed("reading", sleeping)(NAP)
    clock.timed("writing", sleeping)(2 * NAP)
    time.sleep(3 * NAP)
    profile = clock.profile()
    assert profile.reading == pytest.approx(NAP, abs=SLACK)
    assert profile.writing == pytest.approx(2 * NAP, abs=SLACK)
    assert profile.waiting == pytest.approx(3 * NAP, abs=SLACK)
    assert profile.computing == 0
    assert profile.wall == pytest.approx(6 * NAP, abs=SLACK)


def test_what_is_within_counts_once() -> None:
    clock = Clock()
    with clock.measure("computing"):
        time.sleep(NAP)
        with clock.measure("reading"):
            time.sleep(2 * NAP)
    profile = clock.profile()
    assert profile.computing == pytest.approx(NAP, abs=SLACK)
    assert profile.reading == pytest.approx(2 * NAP, abs=SLACK)
    assert profile.waiting == pytest.approx(0, abs=SLACK)


def test_other_threads_do_not_shorten_the_waiting() -> None:
    clock = Clock()
    threads = [
        threading.Thread(target=clock.timed("computing", sleeping), args=(NAP,)) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    profile = clock.profile()
    assert profile.computing == pytest.approx(2 * NAP, abs=SLACK)
    assert profile.waiting == pytest.approx(NAP, abs=SLACK)


def test_a_denoiser_is_measured_after_it_is_told_the_noise() -> None:
    class Sleeper:
        depth = 1

        def told(self, noise: str) -> Sleeper:
            assert noise == "much"
            return Sleeper()

        def __call__(self, plane: str) -> str:
            time.sleep(NAP)
            return plane

        extended = __call__

    clock = Clock()
    told = clock.denoiser(Sleeper()).told("much")  # type: ignore[arg-type]
    assert told.depth == 1
    assert told("plane") == told.extended("plane") == "plane"  # type: ignore[arg-type, call-arg]
    assert clock.profile().computing == pytest.approx(2 * NAP, abs=SLACK)


def test_a_block_that_fails_is_measured() -> None:
    clock = Clock()

    def failing() -> None:
        time.sleep(NAP)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        clock.timed("reading", failing)()
    assert clock.profile().reading == pytest.approx(NAP, abs=SLACK)


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory()
    held = np.ones(before // 8 + 50_000_000)
    assert peak_memory() >= held.nbytes > before
