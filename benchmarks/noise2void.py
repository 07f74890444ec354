"""Noise2Void as CAREamics has it, trained on noisy planes, those that it denoises among them.

`quality.py` and `real_noise.py` measure it where `--classic n2v` asks for it and `pip install
careamics` was run. It has CAREamics' own network and settings; minutes of training for each stack
and noise are all that it is granted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAME = "n2v"
PATCH = (64, 64)
BATCH = 16
STEPS = 1500
EPOCH = 50
"""Most batches of an epoch, which is shorter where there are fewer patches."""

TILE, OVERLAP = (128, 128), (48, 48)

Plane = NDArray[Any]


def is_installed() -> bool:
    """Return whether CAREamics can be imported."""
    return find_spec("careamics") is not None


def takes(plane: Plane) -> bool:
    """Return whether a plane is large enough for a patch."""
    return all(side >= least for side, least in zip(plane.shape, PATCH, strict=True))


def n2v(seen: Sequence[Plane], wanted: Sequence[Plane]) -> list[Plane]:
    """Train a network on the noisy planes `seen`, and return those `wanted` denoised by it."""
    from careamics import CAREamist
    from careamics.config.factories import create_advanced_n2v_config

    config = create_advanced_n2v_config(
        *(NAME, "array", "YX", PATCH, BATCH),
        num_epochs=STEPS,  # no epoch is empty, so the steps end it
        num_steps=EPOCH,
        trainer_params={"max_steps": STEPS},
        num_workers=0,
        seed=1,
    )
    with tempfile.TemporaryDirectory() as scratch:
        careamist = CAREamist(config, work_dir=scratch, enable_progress_bar=False)
        careamist.train(train_data=[plane.astype(np.float32) for plane in seen])
        given = [plane.astype(np.float32) for plane in wanted]
        results, _ = careamist.predict(given, tile_size=TILE, tile_overlap=OVERLAP)
    return [
        np.asarray(result).reshape(plane.shape)
        for result, plane in zip(results, wanted, strict=True)
    ]
