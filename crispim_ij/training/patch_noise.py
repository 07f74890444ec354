"""The noise of patches: that of a camera, in units of itself, or added to noisy planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.noise import CameraNoise, add_camera_noise, expected, stabilise
from crispim_ij.training.recipe import Recipe

Patch = NDArray[np.float32]
Pair = tuple[Patch, Patch]

SATURATED = (300.0, 20000.0)
"""How bright spots are, in units of the noise."""

SMOOTHING = 7
"""Side, in px, of the window whose mean tells a pixel's noise."""

LEAST_VARIANCE = 0.25
"""Counts squared: of noise below half a count nothing can be learnt."""


def add_noise(
    clean: Patch, dtype: np.dtype[Any], recipe: Recipe, rng: np.random.Generator
) -> Patch:
    """Draw a camera for a mini-stack of `dtype`, or a standard deviation for each of its planes."""
    if recipe.camera is not None:
        noisy = add_camera_noise(clean, recipe.camera.draw(rng), rng, dtype)
    else:
        sd = rng.uniform(*recipe.noise_sd, (len(clean), 1, 1))
        noisy = np.clip(clean + rng.normal(0, sd, clean.shape), 0, 65535)
    return noisy.astype(np.float32)


def add_unit_noise(
    planes: Patch,
    black: float,
    span: float,
    own_noise: float,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Pair:
    """Scale a mini-stack to units of the noise, and add noise, for networks that are told it.

    `black`, `span` and `own_noise` are those of its stack. Noisy and clean values come back, whose
    noise has a standard deviation of 1, or nearly so (`recipe.noise_sd`).
    """
    clean = (planes - black) * (_draw_contrast(span / max(own_noise, 1e-9), recipe, rng) / span)
    if rng.random() < recipe.bright_share:
        clean = _with_spot(clean, rng)
    error = rng.uniform(*recipe.noise_sd)
    if rng.random() < recipe.shot_share:
        camera = _draw_unit_camera(clean, rng)
        noisy = add_camera_noise(clean, camera, rng).astype(np.float32)
        told = CameraNoise(camera.gain / error**2, camera.offset, camera.read_noise / error)
        return stabilise(noisy, told), expected(clean, told)
    return clean + error * rng.standard_normal(clean.shape, np.float32), clean


def _draw_contrast(cleanness: float, recipe: Recipe, rng: np.random.Generator) -> float:
    """Draw a span in units of the noise, at which the stack's own noise is small."""
    assert recipe.contrast is not None
    low, high = recipe.contrast
    high = min(high, recipe.own_noise * cleanness)
    return float(np.exp(rng.uniform(np.log(min(low, high)), np.log(high))))


def _with_spot(planes: Patch, rng: np.random.Generator) -> Patch:
    """Put a bright ellipse with a sharp edge into all planes."""
    rows, columns = (np.arange(side) - rng.uniform(0, side) for side in planes.shape[-2:])
    height, width = np.exp(rng.uniform(np.log(1.5), np.log(25), 2))
    inside = (rows[:, None] / height) ** 2 + (columns / width) ** 2 < 1
    level = np.exp(rng.uniform(*np.log(SATURATED)))
    return np.where(inside, np.float32(level), planes)


def _draw_unit_camera(clean: Patch, rng: np.random.Generator) -> CameraNoise:
    """Draw a camera whose noise has a variance of 1 at the mean light, a share of it shot noise."""
    light = float(clean.mean())
    offset = float(clean.min()) - rng.uniform(0, 0.3) * (light - float(clean.min()))
    share = rng.uniform(0.1, 1)
    return CameraNoise(share / max(light - offset, 0.1), offset, float(np.sqrt(1 - share)))


def recorrupt(
    planes: Patch, camera: CameraNoise, strength: float, rng: np.random.Generator
) -> tuple[Pair, Pair]:
    r"""Make two pairs to train on out of a noisy mini-stack.

    Recorrupted-to-Recorrupted [1]_: of a noisy y, whose noise has the standard deviation s, and
    normal noise z of one's own,

    .. math:: y + a s z \quad\text{and}\quad y - s z / a

    have noises that are independent of one another, so a network that learns to make the second
    of the first learns, on average, what it would from clean planes; the loss is larger by a
    constant.

    Each z is used twice, once with the opposite sign. The noise of the two targets then cancels
    in the gradient, but for what the network makes of the difference between the two inputs. So
    `a` may be small, and the network sees in training almost the very noise that it is to remove.

    Parameters
    ----------
    planes : ndarray of float32, shape (depth, Y, X)
        Noisy counts. Only the plane to predict, at ``depth // 2``, gets more noise: that
        of its neighbours is independent of its own already.
    camera : CameraNoise
        What noise the planes have.
    strength : float
        The factor a above.
    rng : Generator
        Draws z.

    Returns
    -------
    tuple of tuple of ndarray
        Input, of the shape of `planes`, and target, (Y, X), for z and for -z.

    References
    ----------
    .. [1] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep
       learning for image denoising", CVPR 2021
    """
    from scipy.ndimage import uniform_filter

    centre = planes[len(planes) // 2]
    # Of a mean over 49 px a pixel's own noise is so small a part that s z stays independent of it.
    variance = np.maximum(camera.variance(uniform_filter(centre, SMOOTHING)), LEAST_VARIANCE)
    noise = np.sqrt(variance, dtype=np.float32) * rng.standard_normal(centre.shape, np.float32)
    return _pair(planes, strength * noise, noise / strength), _pair(
        planes, -strength * noise, -noise / strength
    )


def _pair(planes: Patch, added: Patch, taken: Patch) -> Pair:
    centre = len(planes) // 2
    given = planes.copy()
    given[centre] += added
    return given, planes[centre] - taken
