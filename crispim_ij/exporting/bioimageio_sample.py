"""The test tensors and the cover picture of a bioimage.io package, from a simulated specimen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crispim_ij.exporting.sample import keras_prediction
from crispim_ij.exporting.units import Units
from crispim_ij.phantom import PhantomSettings, simulate_volume

if TYPE_CHECKING:
    from crispim_ij.models import Model, ModelSpec

NOISE_SD = 35.0
"""Counts; the middle of what the paper adds."""

_SIDES = {"YXC": 256, "ZYXC": 128}
_SEED = 2
_MICROMETRES = 7.2  # a pixel of the paper's planes, downsampled 4 times
_DARKEST, _BRIGHTEST = 0.5, 99.7  # percentiles that the cover shows as black and white


@dataclass(frozen=True)
class Sample:
    """What goes in, and what the package makes of it.

    Attributes
    ----------
    noisy : ndarray of float32, shape (Y, X) or (depth, Y, X)
        Whole counts.
    denoised : ndarray of float32, shape (Y, X)
        Counts.
    """

    noisy: NDArray[np.float32]
    denoised: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model) -> Sample:
        """Simulate cleared brain, add noise and denoise it in Keras."""
        noisy = noisy_specimen(model.spec)
        unit = np.float32(NOISE_SD if Units.of(model).are_values else 1)
        return cls(noisy, unit * keras_prediction(model, noisy / unit))


def noisy_specimen(spec: ModelSpec) -> NDArray[np.float32]:
    """Simulate what a model is for, the same at every call.

    Parameters
    ----------
    spec : ModelSpec
        The model that is to take it.

    Returns
    -------
    ndarray of float32, shape (256, 256) or (16, 128, 128)
        Whole counts with Gaussian noise, as a camera gives them.
    """
    side = _SIDES[spec.axes]
    is_3d = spec.axes == "ZYXC"
    shape = (spec.depth, side, side)
    clean = simulate_volume(PhantomSettings(shape, _SEED, pixel_size=_MICROMETRES, stripes=0))
    noise = np.random.default_rng(_SEED).normal(0, NOISE_SD, shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.float32)
    return noisy if is_3d else noisy[0]


def cover_png(sample: Sample) -> bytes:
    """Draw the noisy plane beside the denoised one.

    Parameters
    ----------
    sample : Sample
        Square planes.

    Returns
    -------
    bytes
        An 8-bit PNG, twice as wide as high, both halves at the same display range.
    """
    import imagecodecs

    noisy = sample.noisy if sample.noisy.ndim == 2 else sample.noisy[len(sample.noisy) // 2]
    low, high = np.percentile(sample.denoised, [_DARKEST, _BRIGHTEST])
    shades = (np.hstack([noisy, sample.denoised]) - low) / max(high - low, 1.0)
    return bytes(imagecodecs.png_encode((shades.clip(0, 1) * 255).astype(np.uint8)))
