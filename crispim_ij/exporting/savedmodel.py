"""A SavedModel of TensorFlow 2, for TensorFlow Serving and programs that embed TensorFlow."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crispim_ij.exporting.units import Units

if TYPE_CHECKING:
    from crispim_ij.models import Model

TEXT_FILE = "README.md"
"""Says what goes in, where that isn't any counts."""

ENTRIES = {"saved_model.pb", "fingerprint.pb", "variables", "assets", TEXT_FILE}
"""All that the folder holds."""


def write(model: Model, path: Path) -> None:
    """Write the folder, with the signature `serving_default` from 'input' to 'output'."""
    import tensorflow as tf

    network = model.network()
    denoise = tf.function(
        lambda counts: {"output": network(counts, training=False)},
        input_signature=[tf.TensorSpec(network.inputs[0].shape, tf.float32, "input")],
    )
    served = tf.Module()
    served.weights = network.variables
    try:
        tf.saved_model.save(served, str(path), signatures=denoise)
    except tf.errors.ResourceExhaustedError as error:
        # TensorFlow has its own error for a full disk, which the caller can't know.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
    units = Units.of(model)
    if units.facts:
        (path / TEXT_FILE).write_text(f"{model.spec.name}: {units.says}.\n", encoding="utf-8")


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run it on a plane, or on a mini-stack for a 3D model."""
    import tensorflow as tf

    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    batch = tf.constant(counts[np.newaxis, ..., np.newaxis])
    result: NDArray[np.float32] = served(input=batch)["output"].numpy()[0, ..., 0]
    return result
