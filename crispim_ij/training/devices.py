"""Several GPUs that share each batch: TensorFlow's MirroredStrategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.training.patches import Patch
from crispim_ij.training.recipe import Recipe

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def choose_devices(wanted: int | None, recipe: Recipe) -> list[str]:
    """Return TensorFlow's names of the GPUs to train on, or processors where there is no GPU.

    None takes as many as divide the recipe's batch. CrispimError where there are not so many, or
    they can't share the batch in equal parts.
    """
    import tensorflow as tf

    there = [
        device.name
        for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    ]
    fitting = [n for n in range(1, len(there) + 1) if recipe.batch % n == 0]
    if wanted is None:
        return there[: fitting[-1]]
    if wanted > len(there):
        raise CrispimError(
            f"--devices is {wanted}, but TensorFlow sees only {len(there)} here "
            f"({', '.join(there)}); give a smaller number."
        )
    if wanted not in fitting:
        raise CrispimError(
            f"--devices is {wanted}, which doesn't divide the batch of {recipe.batch} patches; "
            f"give one of {', '.join(map(str, fitting))}, or another --batch."
        )
    return there[:wanted]


def strategy_for(devices: list[str]) -> tf.distribute.Strategy:
    """Return the strategy under whose scope the network must be made or loaded."""
    import tensorflow as tf

    # Even for one device a MirroredStrategy would take another way through Keras.
    return tf.distribute.MirroredStrategy(devices) if devices[1:] else tf.distribute.get_strategy()


def training_step(
    network: keras.Model, strategy: tf.distribute.Strategy
) -> Callable[[Patch, Patch], float]:
    """Make the function that trains on one batch, noisy and clean, and returns its loss.

    The network is compiled, its optimizer built, and made under the scope of `strategy`, which
    shares each batch out in equal parts.
    """
    import tensorflow as tf

    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return lambda noisy, clean: float(network.train_on_batch(noisy, clean))

    # Keras' own train_on_batch would give every device the whole batch.
    def on_all(noisy: Any, clean: Any) -> Any:
        logs = strategy.run(network.train_step, args=((noisy, clean),))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, logs["loss"], axis=None)

    compiled = tf.function(on_all, autograph=False)

    def share_out(batch: Patch) -> Any:
        parts = np.split(batch, replicas)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(parts[context.replica_id_in_sync_group])
        )

    def step(noisy: Patch, clean: Patch) -> float:
        network.reset_metrics()
        return float(compiled(share_out(noisy), share_out(clean)))

    return step
