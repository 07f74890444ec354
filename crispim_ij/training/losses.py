"""What training makes small."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

FLOOR = 4.0
"""Squared counts added before the logarithm: errors of 2 counts are small enough."""

LEAST = 1e-3
"""Added before the root, in squared units of the noise: so little error is small enough."""


def log_mse(clean: Any, predicted: Any) -> Any:
    """Mean over patches of the logarithm of their mean squared error.

    Parameters
    ----------
    clean, predicted : tensor, shape (batch, Y, X, 1)
        Counts.

    Returns
    -------
    tensor
        A scalar: 0.23 less is 1 dB more.
    """
    from keras import ops

    return ops.mean(ops.log(_of_patches(clean, predicted) + FLOOR))


def rmse(clean: Any, predicted: Any) -> Any:
    """Mean over patches of the root of their mean squared error.

    It lies between the squared error, by which patches with much fine structure decide all,
    and its logarithm, by which smooth ones do.

    Parameters
    ----------
    clean, predicted : tensor, shape (batch, Y, X, 1)
        In units of the noise.

    Returns
    -------
    tensor
        A scalar.
    """
    from keras import ops

    return ops.mean(ops.sqrt(_of_patches(clean, predicted) + LEAST))


def _of_patches(clean: Any, predicted: Any) -> Any:
    from keras import ops

    return ops.mean(ops.square(clean - predicted), axis=(1, 2, 3))


def squared_error(loss: str, value: float) -> float:
    """Return a loss as a mean squared error.

    Parameters
    ----------
    loss : {'mse', 'rmse', 'log-mse'}
        The loss.
    value : float
        What it came to.

    Returns
    -------
    float
        In squared counts, or squared units of the noise: the mean itself, the square of the
        mean root, or the geometric mean.
    """
    if loss == "rmse":
        return max(value**2 - LEAST, 0.0)
    return math.exp(value) - FLOOR if loss == "log-mse" else value


LOSSES: dict[str, str | Callable[[Any, Any], Any]] = {
    "mse": "mse",
    "rmse": rmse,
    "log-mse": log_mse,
}
"""By the names that recipes have for them."""
