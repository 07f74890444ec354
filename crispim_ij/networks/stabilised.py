r"""U-Nets that are told the noise: they take and give values whose noise has an sd of 1.

`crispim_ij.noise.stabilise` turns counts into such values and back, so a network never has to guess
how strong noise is. With m the mean of the surroundings,

.. math:: y = x - c(x - e^{-1}(e(x) - f(e(x) - m)))

f is a residual U-Net with additive skips, as DRUNet [1]_ is. It predicts the noise of values that
are centred locally, so brightness doesn't matter. e leaves values as they are up to 64 sd from the
darkest of their surroundings and grows like a logarithm beyond, so that what is saturated casts no
shadow; c clips at 8 sd, so nothing is changed by more.

References
----------
.. [1] K. Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE
   Transactions on Pattern Analysis and Machine Intelligence 44 (2022) 6360-6376,
   doi:10.1109/TPAMI.2021.3088914
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from crispim_ij.networks.architectures import Padding

LINEAR = 64.0
"""Distance from the darkest surroundings up to which values are left as they are, in sd."""

MOST = 8.0
"""Most that is taken off a value: noise is hardly ever as strong, so what is isn't noise."""

CELL = 4
"""Side, in px, of the cells that the surroundings are made of."""

WIDTHS = (32, 64, 96, 128)
"""Features at full, half, quarter and eighth resolution."""

BLOCKS = (1, 1, 1)
"""Residual blocks at half, quarter and eighth resolution, on the way down."""

HALO = 80
"""Margin, in px, that padding 'valid' leaves out."""

FAST_WIDTHS = (32, 64, 96)
"""Features of the fast network at half, quarter and eighth resolution."""

FAST_FINE = 16
"""Its features at full resolution."""

FAST_BLOCKS = (1, 1)
"""Its residual blocks at quarter and eighth resolution, on the way down."""

FAST_HALO = 72
"""Its margin."""

PLANES = 7
"""Planes that go into the 3D network; the middle one comes out."""


@dataclass(frozen=True)
class _Map:
    """Features, and how many samples beyond the wanted part they reach.

    A margin of None stands for windows that are padded with zeros and keep the size.
    """

    values: Any
    margin: int | None

    def cut(self, margin: int | None) -> Any:
        """Return the values with a smaller margin."""
        if self.margin is None or margin is None or self.margin == margin:
            return self.values
        return layers.Cropping2D(self.margin - margin)(self.values)

    def to_grid(self, cell: int) -> _Map:
        """Cut the margin down to whole cells."""
        margin = None if self.margin is None else self.margin // cell * cell
        return _Map(self.cut(margin), margin)

    def windowed(self, layer: Callable[..., Any], size: int, **options: Any) -> _Map:
        """Apply a layer of sliding windows of an odd size."""
        if self.margin is None:
            return _Map(layer(padding="same", **options)(self.values), None)
        values = layer(padding="valid", **options)(self.values)
        return _Map(values, self.margin - size // 2)

    def scaled(self, layer: Any, factor: float, lost: int = 0) -> _Map:
        """Apply a layer that changes the resolution."""
        margin = None if self.margin is None else int(self.margin * factor) - lost
        values = layer(self.values)
        if lost and margin is not None:
            values = layers.Cropping2D(lost)(values)
        return _Map(values, margin)


def stabilised_2d(*, padding: Padding = "same") -> keras.Model:
    """Build the 2D network: (Y, X, 1) values whose noise has an sd of 1, in and out."""
    values = keras.Input((None, None, 1), dtype="float32")
    surface = _Surface.of(_Map(values, HALO if padding == "valid" else None))
    features = _convolve(surface.centred, WIDTHS[0], activation=None, dtype="float32")
    noise = _one_a_pixel(_u_net(features, WIDTHS, BLOCKS))
    return keras.Model(values, surface.without(noise), name="stabilised_2d")


def stabilised_2d_fast(*, padding: Padding = "same") -> keras.Model:
    """Build the 2D network whose body works on cells of 2 x 2 px: a third of the work.

    What it finds is joined with features at full resolution, for details finer than a cell.
    """
    values = keras.Input((None, None, 1), dtype="float32")
    surface = _Surface.of(_Map(values, FAST_HALO if padding == "valid" else None))
    fine = _convolve(surface.centred, FAST_FINE, activation=None, dtype="float32")
    cells = fine.to_grid(2).scaled(layers.Conv2D(FAST_WIDTHS[0], 2, strides=2), 1 / 2)
    body = _u_net(cells, FAST_WIDTHS, FAST_BLOCKS)
    found = body.windowed(layers.Conv2D, 1, filters=FAST_FINE, kernel_size=1)
    joined = _add(found.scaled(layers.UpSampling2D(2), 2), fine)
    noise = _one_a_pixel(_convolve(joined, FAST_FINE))
    return keras.Model(values, surface.without(noise), name="stabilised_2d_fast")


def stabilised_25d(*, padding: Padding = "same") -> keras.Model:
    """Build the network with neighbouring planes: (7, Y, X, 1) in, (Y, X, 1) out.

    The planes are channels of the first convolution; a residual block at full resolution,
    which the 2D network lacks, compares them.
    """
    values = keras.Input((PLANES, None, None, 1), dtype="float32")
    planes = ops.squeeze(ops.transpose(values, (0, 4, 2, 3, 1)), axis=1)
    surface = _Surface.of(_Map(planes, HALO if padding == "valid" else None))
    features = _convolve(surface.centred, WIDTHS[0], activation=None, dtype="float32")
    noise = _one_a_pixel(_u_net(_residual(features, WIDTHS[0]), WIDTHS, BLOCKS))
    return keras.Model(values, surface.middle().without(noise), name="stabilised_25d")


def inflate(weights: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Turn the weights of `stabilised_2d` into those of a `stabilised_25d` that gives the same.

    Neighbouring planes are weighted with 0, and the block that compares them adds nothing yet.
    """
    first, bias, *rest = weights
    joining = np.zeros((3, 3, PLANES, WIDTHS[0]), first.dtype)
    joining[:, :, PLANES // 2] = first[:, :, 0]
    square = (3, 3, WIDTHS[0], WIDTHS[0])
    draw = np.random.default_rng(0).standard_normal(square, np.float32)
    inner = draw * np.float32(np.sqrt(2 / (9 * WIDTHS[0])))
    idle = np.zeros(WIDTHS[0], np.float32)
    return [joining, bias, inner, idle, np.zeros(square, np.float32), idle, *rest]


@dataclass(frozen=True)
class _Surface:
    """Planes as given, their darkest surroundings, distance from these compressed, and centred."""

    values: _Map
    dark: _Map
    compressed: _Map
    centred: _Map

    @classmethod
    def of(cls, planes: _Map) -> _Surface:
        """Compress and centre planes, each a channel."""
        dark = _darkest_around(planes)
        compressed = _Map(_compress(planes.cut(dark.margin) - dark.values), dark.margin)
        level = _Map(compressed.values + dark.values, dark.margin)
        return cls(planes, dark, compressed, _centre(level))

    def middle(self) -> _Surface:
        """Return the middle plane alone."""
        k = PLANES // 2
        maps = (self.values, self.dark, self.compressed, self.centred)
        return _Surface(*(_Map(m.values[..., k : k + 1], m.margin) for m in maps))

    def without(self, noise: _Map) -> Any:
        """Return the wanted part of the values, less the noise that is given compressed."""
        wanted = None if noise.margin is None else 0
        left = _expand(self.compressed.cut(wanted) - noise.cut(wanted))
        values = self.values.cut(wanted)
        return values - ops.clip(values - self.dark.cut(wanted) - left, -MOST, MOST)


def _darkest_around(plane: _Map) -> _Map:
    """Return a smooth lower envelope: the darkest cell among 5 x 5."""
    cells = plane.scaled(layers.AveragePooling2D(CELL, dtype="float32"), 1 / CELL)
    inverted = _Map(-cells.values, cells.margin)
    highest = inverted.windowed(layers.MaxPooling2D, 5, pool_size=5, strides=1, dtype="float32")
    return _smoothly_up(_Map(-highest.values, highest.margin))


def _centre(values: _Map) -> _Map:
    """Subtract the mean over 5 x 5 cells."""
    whole = values.to_grid(CELL)
    cells = whole.scaled(layers.AveragePooling2D(CELL, dtype="float32"), 1 / CELL)
    means = cells.windowed(layers.AveragePooling2D, 5, pool_size=5, strides=1, dtype="float32")
    around = _smoothly_up(means)
    return _Map(values.cut(around.margin) - around.values, around.margin)


def _smoothly_up(cells: _Map) -> _Map:
    """Bring cells to full resolution; the outer half of the outermost is not known."""
    layer = _Bilinear(CELL, interpolation="bilinear", dtype="float32")
    return cells.scaled(layer, CELL, lost=CELL // 2)


class _Bilinear(layers.UpSampling2D):  # type: ignore[misc]
    """Keras' own layer, but for that of 3.15, which refuses sizes not known before a run."""

    def call(self, inputs: Any) -> Any:
        """Resize maps of any size."""
        import tensorflow as tf

        return tf.image.resize(inputs, tf.shape(inputs)[1:3] * self.size)


CUSTOM_LAYERS = {"_Bilinear": _Bilinear}
"""Layers of our own, by the names that Keras saves them by."""


def _compress(values: Any) -> Any:
    """Bring far values nearer, with a slope of 1 at LINEAR."""
    far = ops.log1p(ops.relu(values - LINEAR) / LINEAR)
    far_below = ops.log1p(ops.relu(-values - LINEAR) / LINEAR)
    return ops.clip(values, -LINEAR, LINEAR) + LINEAR * (far - far_below)


def _expand(values: Any) -> Any:
    """Undo `_compress`."""
    far = ops.expm1(ops.relu(values - LINEAR) / LINEAR)
    far_below = ops.expm1(ops.relu(-values - LINEAR) / LINEAR)
    return ops.clip(values, -LINEAR, LINEAR) + LINEAR * (far - far_below)


def _u_net(fine: _Map, widths: Sequence[int], coarse_blocks: Sequence[int]) -> _Map:
    """Apply the body to features, those of its finest level."""
    skips = [fine]
    for width, blocks in zip(widths[1:], coarse_blocks, strict=True):
        whole = skips[-1].to_grid(2)
        features = whole.scaled(layers.Conv2D(width, 2, strides=2), 1 / 2)
        for _ in range(blocks):
            features = _residual(features, width)
        skips.append(features)
    features = skips.pop()
    for skip, width in zip(reversed(skips), reversed(widths[:-1]), strict=True):
        narrow = features.windowed(layers.Conv2D, 1, filters=width, kernel_size=1)
        features = _residual(_add(narrow.scaled(layers.UpSampling2D(2), 2), skip), width)
    return features


def _one_a_pixel(features: _Map) -> _Map:
    """Make one number of the features of each pixel."""
    return features.windowed(
        layers.Conv2D, 1, filters=1, kernel_size=1, kernel_initializer="zeros", dtype="float32"
    )


def _residual(features: _Map, width: int) -> _Map:
    """Add what two convolutions make of features to them."""
    start = keras.initializers.VarianceScaling(0.1)
    change = _convolve(_convolve(features, width), width, activation=None, kernel_initializer=start)
    return _add(change, features)


def _convolve(
    features: _Map, width: int, *, activation: str | None = "relu", **options: Any
) -> _Map:
    return features.windowed(
        layers.Conv2D, 3, filters=width, kernel_size=3, activation=activation, **options
    )


def _add(first: _Map, second: _Map) -> _Map:
    """Add features where both are known."""
    if first.margin is None or second.margin is None:
        return _Map(layers.Add()([first.values, second.values]), None)
    margin = min(first.margin, second.margin)
    return _Map(layers.Add()([first.cut(margin), second.cut(margin)]), margin)
