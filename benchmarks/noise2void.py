"""Noise2Void as CAREamics has it, trained on noisy planes, those that it denoises among them.

`quality.py` and `real_noise.py` measure it where `--classic n2v` asks for it and `pip install
careamics` was run. It has CAREamics' own network and settings, its 30 epochs among them, or as many
as make `LEAST` steps where planes are few. Where the processor has bfloat16 it trains in mixed
precision. What is brighter than all that is measured is clipped: a few such pixels would decide its
squared error. It takes ten minutes or more for each stack and noise.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.machine import has_bfloat16

NAME = "n2v"
PATCH = (64, 64)
BATCH = 16
EPOCHS = 30
PATIENCE = 10
"""Epochs without a lower loss after which the rate falls."""

LEAST = 5000
"""Steps of a training at least."""

TILE, OVERLAP = (128, 128), (48, 48)

Plane = NDArray[Any]


def is_installed() -> bool:
    """Return whether CAREamics can be imported."""
    return find_spec("careamics") is not None


def takes(plane: Plane) -> bool:
    """Return whether a plane is large enough for a patch."""
    return all(side >= least for side, least in zip(plane.shape, PATCH, strict=True))


def steps_of_epoch(planes: Sequence[Plane]) -> int:
    """Return in how many steps each patch of the planes is seen once."""
    patches: int = sum(
        math.prod(-(-side // least) for side, least in zip(plane.shape, PATCH, strict=True))
        for plane in planes
    )
    return -(-patches // BATCH)


def n2v(seen: Sequence[Plane], wanted: Sequence[Plane]) -> list[Plane]:
    """Train a network on the noisy planes `seen`, and return those `wanted` denoised by it."""
    from careamics import CAREamist
    from careamics.config.factories import create_advanced_n2v_config

    brightest = max(plane.max() for plane in wanted)
    longer = max(1.0, LEAST / (EPOCHS * steps_of_epoch(seen)))
    config = create_advanced_n2v_config(
        *(NAME, "array", "YX", PATCH, BATCH),
        num_epochs=round(EPOCHS * longer),
        lr_scheduler_params={"patience": round(PATIENCE * longer)},
        trainer_params={"precision": "bf16-mixed" if has_bfloat16() else "32-true"},
        num_workers=0,
        seed=1,
    )
    with tempfile.TemporaryDirectory() as scratch:
        careamist = CAREamist(config, work_dir=scratch, enable_progress_bar=False)
        careamist.train(
            train_data=[np.minimum(plane, brightest).astype(np.float32) for plane in seen]
        )
        given = [plane.astype(np.float32) for plane in wanted]
        results, _ = careamist.predict(given, tile_size=TILE, tile_overlap=OVERLAP)
    return [
        np.asarray(result).reshape(plane.shape)
        for result, plane in zip(results, wanted, strict=True)
    ]
