"""What methods are measured on: which planes, and with which noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import metrics
from crispim_ij.networks import neighbours
from crispim_ij.noise import CameraNoise, add_camera_noise
from crispim_ij.planes import Source, clean_stacks

NoisyPlane = tuple[NDArray[Any], int | None]
"""Counts, and the standard deviation that was drawn for them, if one was."""


@dataclass(frozen=True)
class NoiseSettings:
    """How noisy planes are made.

    Attributes
    ----------
    sd : tuple of int
        Lowest and highest standard deviation in counts; each plane draws a whole
        number from this range, both ends included. Unused where there is a camera.
    seed : int
        With the plane's index it settles the plane's noise.
    camera : CameraNoise or None
        Whose noise is drawn; None draws Gaussian noise, as the paper's test does.
    """

    sd: tuple[float, float] = (30, 40)
    seed: int = 0
    camera: CameraNoise | None = None

    def __post_init__(self) -> None:
        low, high = self.sd
        if not (0 <= low <= high <= 65535 and float(low).is_integer() and float(high).is_integer()):
            raise CrispimError(
                f"Noise of {low:g}:{high:g} counts (--noise-sd) can't be drawn: give whole numbers "
                "from 0 to 65535, the lower one first, such as 30:40."
            )
        if self.seed < 0:
            raise CrispimError(f"The seed {self.seed} (--seed) is negative: give 0 or above.")


@dataclass(frozen=True)
class EvaluationSettings:
    """On what methods are measured.

    Attributes
    ----------
    planes : int
        How many planes are drawn at random, or all where there are fewer.
    noise : NoiseSettings
        The noise that they get; its seed also draws the planes.
    """

    planes: int = 20
    noise: NoiseSettings = field(default_factory=NoiseSettings)

    def __post_init__(self) -> None:
        if self.planes < 1:
            raise CrispimError(
                f"{self.planes} planes (--planes) can't be evaluated: give at least 1."
            )


@dataclass(frozen=True)
class Given:
    """Planes that take the place of drawn noise, and results by the name of what made them."""

    noisy: Source | None = None
    results: Mapping[str, Source] = field(default_factory=dict)


def choose_planes(count: int, settings: EvaluationSettings) -> list[int]:
    """Draw that many of `count` planes at random, and return their indices in rising order."""
    rng = np.random.default_rng(settings.noise.seed)
    drawn = rng.choice(count, min(settings.planes, count), replace=False)
    return sorted(int(index) for index in drawn)


def noisy_plane(
    clean: NDArray[Any], index: int, settings: NoiseSettings
) -> tuple[NDArray[np.float64], int | None]:
    """Add noise to a plane, number `index` of its stack, as the paper's test does, or as a camera.

    Gaussian noise is added and the sum clipped to 0..65535, a camera's to the range of the
    plane's type; neither is rounded. The standard deviation that was drawn comes with it, None with
    a camera, whose noise has another one in each pixel.
    """
    rng = np.random.default_rng((settings.seed, index))
    if settings.camera is not None:
        return add_camera_noise(clean, settings.camera, rng), None
    low, high = (int(value) for value in settings.sd)
    sd = int(rng.integers(low, high, endpoint=True))
    return np.clip(clean + rng.normal(0, sd, clean.shape), 0, 65535), sd


def noisy_planes(
    source: Source, noise: NoiseSettings, given: Source | None
) -> Callable[[int], NoisyPlane]:
    """Return a function from a plane's index to the plane with noise, drawn or given.

    It keeps what it has made, so it is for the neighbourhood of one plane.
    """

    @cache
    def with_noise(index: int) -> NoisyPlane:
        if given is not None:
            return given.read(index), None
        return noisy_plane(source.read(index), index, noise)

    return with_noise


def around(
    with_noise: Callable[[int], NoisyPlane], source: Source, index: int, depth: int
) -> NDArray[Any]:
    """Return what a method of some depth takes for a plane: that plane, or its mini-stack."""
    if depth == 1:
        return with_noise(index)[0]
    stacks = clean_stacks(source.metadata, len(source))
    return np.stack([with_noise(plane)[0] for plane in neighbours(stacks, index, depth)])


def noise_sd(clean: NDArray[Any], noisy: NDArray[Any]) -> float:
    """Return the standard deviation of noisy minus clean, in counts."""
    return float(np.std(np.asarray(noisy, np.float64) - np.asarray(clean, np.float64)))


def check_planes(source: Source, given: Given) -> None:
    """Refuse planes smaller than SSIM's window, and given ones that don't match the clean ones."""
    if min(source.shape[1:]) < metrics.SSIM_WINDOW:
        raise CrispimError(
            f"'{source.path}' has planes of {source.shape[2]} x {source.shape[1]} px, smaller than "
            f"the {metrics.SSIM_WINDOW} px that SSIM needs: give larger planes."
        )
    others = [*([] if given.noisy is None else [given.noisy]), *given.results.values()]
    for other in others:
        if other.shape != source.shape:
            raise CrispimError(
                f"'{other.path}' holds {_size(other)} but the clean '{source.path}' holds "
                f"{_size(source)}: give planes made from these clean ones."
            )


def _size(source: Source) -> str:
    planes, rows, columns = source.shape
    return f"{planes} planes of {columns} x {rows} px"
