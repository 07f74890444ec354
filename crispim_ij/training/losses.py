"""What training makes small."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

FLOOR = 4.0
"""Squared counts added before the logarithm: errors of 2 counts are small enough."""


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

    errors = ops.mean(ops.square(clean - predicted), axis=(1, 2, 3))
    return ops.mean(ops.log(errors + FLOOR))


def squared_error(loss: str, value: float) -> float:
    """Return a loss as a mean squared error in squared counts, the geometric mean of a log-mse.

    Parameters
    ----------
    loss : {'mse', 'log-mse'}
        The loss.
    value : float
        What it came to.

    Returns
    -------
    float
        Squared counts.
    """
    return math.exp(value) - FLOOR if loss == "log-mse" else value


LOSSES: dict[str, str | Callable[[Any, Any], Any]] = {"mse": "mse", "log-mse": log_mse}
"""By the names that recipes have for them."""
