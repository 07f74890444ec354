"""The 2D U-Nets.

The body is the network of the CRISPIM paper (Cho, 2023, figure 1): three levels,
3x3 convolutions with ReLU, max-pooling, nearest-neighbour up-sampling.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

CENTRE_WINDOW = 17
"""Side, in pixels, of the window whose mean `residual_2d` subtracts."""

CENTRE_HALO = 8
"""Pixels that the window reaches over, on the pooling grid."""

NOISE_UNIT = 32.0
"""Counts that `residual_2d` takes as one: about the noise it is made for."""


def paper_2d(*, trimmed: bool = False) -> keras.Model:
    """Build the paper's network: raw counts in, raw counts out, 332,641 weights."""
    counts = keras.Input((None, None, 1), dtype="float32")
    return keras.Model(counts, _body(counts, trimmed), name="paper_2d")


def residual_2d(*, trimmed: bool = False) -> keras.Model:
    r"""Build the same body as a predictor of the noise.

    .. math:: y = x - u\,f((x - \bar x) / u)

    with :math:`\bar x` the mean over 17 x 17 pixels and u = 32 counts. The network f
    sees no absolute brightness: adding a constant to a plane adds it to the result.
    """
    counts = keras.Input((None, None, 1), dtype="float32")
    rows = layers.AveragePooling2D((CENTRE_WINDOW, 1), 1, "same", dtype="float32")(counts)
    mean = layers.AveragePooling2D((1, CENTRE_WINDOW), 1, "same", dtype="float32")(rows)
    centred = (counts - mean) / NOISE_UNIT
    spare = CENTRE_HALO if trimmed else 0
    noise = _body(_trim(centred, spare), trimmed)
    kept = _trim(counts, BODY_HALO + spare if trimmed else 0)
    return keras.Model(counts, kept - noise * NOISE_UNIT, name="residual_2d")


BODY_HALO = 24
"""Pixels that the trimmed body leaves out on each side."""


def _body(pixels: Any, trimmed: bool) -> Any:
    """Apply the U-Net to a plane."""
    return body_from(_convolve(_convolve(pixels, 32), 32), trimmed)


def body_from(fine: Any, trimmed: bool) -> Any:
    """Apply what follows the first two convolutions of the U-Net.

    Parameters
    ----------
    fine : keras.KerasTensor
        32 features a pixel.
    trimmed : bool
        Drop margins as soon as nothing below needs them. The margins left after each
        step, in samples of its own level, are those that the two 3x3 convolutions of
        every later level reach over.

    Returns
    -------
    keras.KerasTensor
        One number a pixel.
    """
    half = _convolve(_convolve(layers.MaxPooling2D(2)(fine), 64), 64)
    half_pooled = layers.MaxPooling2D(2)(_trim(half, 4 if trimmed else 0))
    coarse = _convolve(_convolve(half_pooled, 128), 64)

    up = layers.UpSampling2D(2)(_trim(coarse, 2 if trimmed else 0))
    up = layers.Concatenate()([_trim(half, 8 if trimmed else 0), up])
    up = _convolve(_convolve(up, 64), 32)

    up = layers.UpSampling2D(2)(_trim(up, 3 if trimmed else 0))
    up = layers.Concatenate()([_trim(fine, 22 if trimmed else 0), up])
    up = _convolve(_convolve(up, 32), 32)
    return layers.Conv2D(1, 1, dtype="float32")(_trim(up, 2 if trimmed else 0))


def _convolve(pixels: Any, filters: int) -> Any:
    return layers.Conv2D(filters, 3, padding="same", activation="relu")(pixels)


def _trim(pixels: Any, margin: int) -> Any:
    """Cut `margin` samples off all four sides."""
    return layers.Cropping2D(margin)(pixels) if margin else pixels
