from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from crispim_ij.training import TrainingStack
from crispim_ij.training.feed import Feed
from crispim_ij.training.patches import training_batch, validation_batch
from tests.training.small import RECIPE

PAUSE = 0.02


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_batches_come_in_order(stacks: list[TrainingStack], workers: int, share: float) -> None:
    recipe = replace(RECIPE, steps=9, validate_every=4, validation_share=share)
    feed = list(Feed(stacks, recipe, range(2, 9), workers=workers))
    assert [k for k, (_, due) in enumerate(feed, 3) if due is not None] == [4, 8, 9]
    for step, (training, validation) in enumerate(feed, 2):
        np.testing.assert_array_equal(training, training_batch(stacks, recipe, step))
        if validation is not None:
            np.testing.assert_array_equal(validation, validation_batch(stacks, recipe, step + 1))


def test_a_slow_disk_is_waited_for(
    stacks: list[TrainingStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stacks[0].clean.read
    monkeypatch.setattr(stacks[0].clean, "read", lambda k: (time.sleep(PAUSE), read(k))[1])
    feed = Feed(stacks, RECIPE, range(8), workers=1)
    taken = len(list(feed))
    seconds, waited = feed.lap()
    assert taken == 8
    assert seconds >= waited > 0.9 * seconds > 8 * RECIPE.batch * PAUSE * 0.9


def test_a_slow_network_does_not_wait(stacks: list[TrainingStack]) -> None:
    feed = Feed(stacks, RECIPE, range(8), workers=1)
    next(feed)
    feed.lap()
    for _ in feed:
        time.sleep(PAUSE)
    seconds, waited = feed.lap()
    assert seconds > 7 * PAUSE
    assert waited < 0.3 * seconds
    assert feed.lap()[1] == 0


def test_what_goes_wrong_in_a_thread_is_seen(
    stacks: list[TrainingStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(index: int) -> np.ndarray:
        raise OSError("the disk is gone")

    monkeypatch.setattr(stacks[0].clean, "read", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        next(Feed(stacks, RECIPE, range(8), workers=2))
