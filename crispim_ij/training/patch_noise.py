"""The noise that clean patches get: that of a camera, or in units of itself."""

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
