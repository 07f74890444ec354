"""How well the errors that a model expects are those that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.uncertainty import AugmentedDenoiser, ErrorModel
from crispim_ij.evaluation.inputs import EvaluationSettings, around, choose_planes, noisy_planes
from crispim_ij.models import Model
from crispim_ij.planes import Source

BINS = 10

PIXELS = 20_000
"""Pixels of a plane that are looked at, so that small planes count as much as large ones."""

_SMALLEST = 1e-2  # counts squared

Squares = NDArray[np.float64]
"""Squares of spread, residue and error, in counts squared, of shape (pixels, 3)."""


@dataclass(frozen=True)
class Bin:
    """Expected and real errors, in counts, of pixels that are expected to have like ones."""

    expected: float
    real: float


def measure_errors(
    model: Model,
    sources: Sequence[Source],
    settings: EvaluationSettings,
    on_plane: Callable[[], None] = lambda: None,
) -> tuple[ErrorModel, list[Bin]]:
    """Measure how a model's errors follow from what it sees, on planes that it wasn't trained on.

    Returns what belongs into the model's folder, and expected beside real errors of the same
    pixels. `on_plane` is called after each plane.
    """
    denoise = AugmentedDenoiser(model, DenoiseSettings())
    squares = np.concatenate([gather(source, denoise, settings, on_plane) for source in sources])
    spread, residue = fit_factors(squares)
    measured_on = {
        "clean": [source.path.name for source in sources],
        "planes": settings.planes,
        "noise_sd": list(settings.noise.sd),
    }
    errors = ErrorModel(spread, residue, model.spec.sha256, measured_on)
    expected = squares[:, :2] @ np.square([spread, residue])
    return errors, list(reliability(expected, squares[:, 2]))


def gather(
    source: Source,
    denoise: AugmentedDenoiser,
    settings: EvaluationSettings,
    on_plane: Callable[[], None] = lambda: None,
) -> Squares:
    """Collect what a model sees of its errors, and the errors, at random pixels of clean planes."""
    parts = []
    for index in choose_planes(len(source), settings):
        parts.append(_squares(source, index, denoise, settings))
        on_plane()
    return np.concatenate(parts)


def _squares(
    source: Source, index: int, denoise: AugmentedDenoiser, settings: EvaluationSettings
) -> Squares:
    with_noise = noisy_planes(source, settings.noise, None)
    noisy = around(with_noise, source, index, denoise.depth)
    denoised, spread, residue = denoise.told_by(noisy)(noisy)
    columns = np.stack([spread, residue, denoised - source.read(index)], -1).reshape(-1, 3)
    rng = np.random.default_rng((settings.noise.seed, index, 1))
    picked = rng.choice(len(columns), min(PIXELS, len(columns)), replace=False)
    return columns[picked].astype(np.float64) ** 2


def fit_factors(squares: Squares) -> tuple[float, float]:
    """Choose the factors of spread and residue, at least 0, that suit errors best.

    Errors are taken to be normal with the variance that `ErrorModel` expects; its likelihood is
    made largest.
    """
    from scipy.optimize import minimize

    seen, errors = squares[:, :2], squares[:, 2]
    scale = errors.mean() / np.maximum(seen.mean(0), _SMALLEST)

    def cost(scaled: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        variance = np.maximum(seen @ (scaled * scale), _SMALLEST)
        slope = (1 - errors / variance) / variance
        return float(np.mean(np.log(variance) + errors / variance)), slope @ seen * scale / len(
            seen
        )

    found = minimize(cost, (0.5, 0.5), jac=True, bounds=[(0, None)] * 2)
    spread, residue = np.sqrt(found.x * scale)
    return float(spread), float(residue)


def reliability(expected: NDArray[np.float64], real: NDArray[np.float64]) -> Iterator[Bin]:
    """Compare squared errors in tenths of the pixels, from the surest to the least sure."""
    parts: Sequence[NDArray[np.intp]] = np.array_split(np.argsort(expected, kind="stable"), BINS)
    for part in parts:
        yield Bin(float(np.sqrt(expected[part].mean())), float(np.sqrt(real[part].mean())))
