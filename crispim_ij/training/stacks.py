"""Stacks to train on: checked, measured, and kept in memory where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.models import SharedNoise
from crispim_ij.networks import ARCHITECTURES, mini_stack, neighbours
from crispim_ij.noise import (
    CalibrationSettings,
    CameraNoise,
    Measurement,
    calibrate,
    measure_noise,
    resizing,
    typical_noise,
)
from crispim_ij.noise.grain import Grain
from crispim_ij.planes import Source, channel_names, clean_stacks
from crispim_ij.training.recipe import Recipe

_MOST_NOISE = 10  # spans of a stack: more of it can't have been meant

SAMPLED_PLANES = 16
"""Planes that the percentiles of a stack are taken from."""


class Planes(Protocol):
    """What of a `Source` is needed to cut patches."""

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    def __len__(self) -> int: ...

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array."""


@dataclass(frozen=True)
class OwnNoise:
    """The noise of planes that are learnt from.

    `camera` is what a network is told; where neighbouring pixels share the noise, `grain` is how,
    for a recipe in units of the noise, and `shares` the same in few figures.
    """

    camera: CameraNoise
    is_correlated: bool = False
    grain: Grain | None = None
    shares: SharedNoise | None = None


@dataclass(frozen=True)
class TrainingStack:
    """A clean stack, with the same planes noisy if they are given.

    Attributes
    ----------
    clean : Planes
        Planes to learn from, raw counts: without noise, but for a blind recipe.
    noisy : Planes or None
        The same planes with noise; None draws noise on the fly.
    black, span : float
        The stack's 1st percentile and its distance to the 95th, in counts.
    sha256 : str
        Hash of the clean planes that these were taken from: up to 16, spread over the
        stack.
    noise : OwnNoise or None
        That of the planes, for a blind recipe.
    own_noise : float
        Standard deviation, in counts, of the clean planes' own noise; measured for a network
        that is told the noise, else 0.
    channel : str
        Name of the channel that it is, '' for one without.
    stacks : ndarray of int, shape (stacks, Z), or None
        Which planes lie above one another; None where all do.
    notes : tuple of str
        What a user must know of the files, see `Source.notes`.
    """

    clean: Planes
    noisy: Planes | None
    black: float
    span: float
    sha256: str
    noise: OwnNoise | None = None
    own_noise: float = 0.0
    channel: str = ""
    stacks: NDArray[np.int64] | None = field(default=None, compare=False)
    notes: tuple[str, ...] = ()

    def around(self, index: int, depth: int, gap: int = 1) -> list[int]:
        """Return the planes of the mini-stack of a plane, see `crispim_ij.networks.mini_stack`."""
        if self.stacks is None:
            return mini_stack(index, len(self.clean), depth, gap)
        return neighbours(self.stacks, index, depth, gap)


def check_data(recipe: Recipe, *, clean: int, noisy: int) -> None:
    """Refuse numbers of clean and noisy stacks that don't suit a recipe, by CrispimError."""
    if recipe.is_blind and (clean or not noisy):
        raise CrispimError(
            f"Recipe {recipe.name!r} learns from noisy planes alone; give them with --noisy, and "
            "no --clean."
        )
    if not recipe.is_blind and not clean:
        raise CrispimError(
            f"Recipe {recipe.name!r} needs clean planes (--clean); where there are none, take "
            "--recipe blind."
        )
    if noisy and clean and noisy != clean:
        raise CrispimError(
            f"--noisy is given {noisy} times and --clean {clean} times; "
            "give one --noisy for each --clean, or none."
        )


def open_stack(clean: Source, noisy: Source | None, recipe: Recipe) -> TrainingStack:
    """Check that a stack fits a recipe, and measure its intensities.

    Parameters
    ----------
    clean : Source
        Planes without noise.
    noisy : Source or None
        The same planes with noise.
    recipe : Recipe
        What they are to be used for.

    Returns
    -------
    TrainingStack
        The stack, ready to draw from.

    Raises
    ------
    CrispimError
        If planes are smaller than a patch, or the two sources don't match.
    """
    _, height, width = clean.shape
    if min(height, width) < recipe.patch:
        raise CrispimError(
            f"{clean.path} has planes of {height} x {width} px, smaller than the patch of "
            f"{recipe.patch} px; choose a smaller --patch."
        )
    if noisy is not None and noisy.shape != clean.shape:
        raise CrispimError(
            f"{noisy.path} has shape {noisy.shape}, but the clean {clean.path} has {clean.shape}; "
            "give the same planes, in the same order, with and without noise."
        )
    draws = recipe.contrast is not None or recipe.zoom != (1.0, 1.0) or recipe.camera is not None
    if noisy is not None and draws:
        raise CrispimError(
            f"Recipe {recipe.name!r} rescales planes or draws a camera's noise itself, so it can't "
            f"use the noisy planes of {noisy.path}; leave --noisy out, or use --recipe paper-2d."
        )
    sample = np.linspace(0, len(clean) - 1, min(SAMPLED_PLANES, len(clean))).astype(int)
    planes = np.stack([clean.read(k) for k in sample])
    black, bright = np.percentile(planes, (1, 95))
    span = _span(clean.dtype, float(bright - black))
    if not (draws or noisy is not None or recipe.is_told or recipe.is_blind):
        _refuse_small_values(clean, span, recipe)
    stacks = clean_stacks(clean.metadata, len(clean))
    return TrainingStack(
        clean,
        noisy,
        float(black),
        span=span,
        sha256=sha256(planes.tobytes()).hexdigest(),
        own_noise=typical_noise(clean) if recipe.is_told and not recipe.is_blind else 0.0,
        channel=next(iter(channel_names(clean.metadata)), ""),
        stacks=stacks if len(stacks) > 1 else None,
        notes=clean.notes + (() if noisy is None else noisy.notes),
    )


def _span(dtype: np.dtype[Any], span: float) -> float:
    """Return a span that isn't 0; of whole counts at least one."""
    return max(span, 1.0) if dtype.kind in "iu" else span or 1.0


def _refuse_small_values(clean: Source, span: float, recipe: Recipe) -> None:
    """Refuse floating numbers, such as from 0 to 1, in which noise of counts leaves nothing."""
    low, high = recipe.noise_sd
    if clean.dtype.kind == "f" and low > _MOST_NOISE * span:
        raise CrispimError(
            f"'{clean.path}' has values that span {span:.3g}, in which noise of sd {low:g} to "
            f"{high:g} leaves nothing to be seen: multiply them, or take a recipe that rescales "
            "planes, such as crispim-2d."
        )


def open_noisy_stack(
    noisy: Source, recipe: Recipe, noise: CameraNoise | None = None
) -> TrainingStack:
    """Check that a noisy stack of one channel fits a blind recipe, as `open_stack` does.

    Its noise is measured, unless it is given; CrispimError where that can't be done.
    """
    stack = open_stack(noisy, None, recipe)
    if not recipe.is_told:
        return replace(stack, noise=_calibrated(noisy))
    found = measure_noise(noisy)
    if ARCHITECTURES[recipe.architecture].depth > 1 and any(one.is_shared_along_z for one in found):
        raise CrispimError(
            f"'{noisy.path}': {resizing.ALONG_Z} A 3D model would learn to draw it: take a 2D one, "
            "or give planes as the microscope took them, without that pattern."
        )
    notes = tuple(" ".join(one.of_all().resized) for one in found if any(one.of_all().resized))
    return replace(stack, noise=_told_noise(noisy, found, noise), notes=stack.notes + notes)


def _told_noise(noisy: Source, found: Sequence[Measurement], given: CameraNoise | None) -> OwnNoise:
    """Return what a model is told when it denoises the planes, and how pixels share noise."""
    camera = given or found[0].of_all().noise
    if camera is None:
        raise CrispimError(
            f"The noise of '{noisy.path}' can't be measured, and without it nothing can be learnt "
            f"from noisy planes ({found[0].problem}): tell it with --noise."
        )
    is_correlated = any(one.is_correlated for one in found)
    grainy = next((one for one in found if one.grain), None)
    if grainy is None:
        return OwnNoise(camera, is_correlated)
    return OwnNoise(camera, is_correlated, grainy.grain, grainy.shares)


def _calibrated(noisy: Source) -> OwnNoise:
    """Measure a camera's noise."""
    measured = calibrate(noisy, CalibrationSettings())
    return OwnNoise(measured.camera, measured.is_correlated)


def describe_stack(stack: TrainingStack) -> dict[str, Any]:
    """Describe what of a stack decides a run's weights, JSON-ready."""
    described = {"shape": list(stack.clean.shape), "sha256": stack.sha256}
    if stack.noise is not None:
        noise: dict[str, Any] = {"noise": asdict(stack.noise.camera)}
        if stack.noise.shares is not None:
            shares = asdict(stack.noise.shares)
            noise["grain"] = {name: one for name, one in shares.items() if one is not None}
        return {"noisy": stack.clean.path.name, **described, **noise}
    noisy = {"noisy": stack.noisy.path.name} if stack.noisy is not None else {}
    own = {"own_noise": stack.own_noise} if stack.own_noise else {}
    return {"clean": stack.clean.path.name, **described, **noisy, **own}


class CachedPlanes:
    """Planes of which those read last, `most` of them, stay in memory."""

    def __init__(self, planes: Planes, most: int) -> None:
        self.path, self.shape, self.dtype = planes.path, planes.shape, planes.dtype
        self._read = planes.read
        self._cached = lru_cache(maxsize=most)(self._read_fixed)

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array that can't be written to."""
        return self._cached(index)

    def _read_fixed(self, index: int) -> NDArray[Any]:
        plane = self._read(index)
        plane.flags.writeable = False
        return plane


def cache_planes(stacks: Sequence[TrainingStack], cache: float) -> list[TrainingStack]:
    """Let stacks keep the planes that were read last, as a run reads each of them many times.

    `cache` is in GB, of which each stack gets an equal share, since each is drawn from with equal
    chances.
    """
    shares = sum(1 if stack.noisy is None else 2 for stack in stacks)

    def cached(planes: Planes) -> Planes:
        size = prod(planes.shape[1:]) * planes.dtype.itemsize
        return CachedPlanes(planes, int(cache * 1e9 / shares / size))

    return [
        replace(stack, clean=cached(stack.clean), noisy=stack.noisy and cached(stack.noisy))
        for stack in stacks
    ]
