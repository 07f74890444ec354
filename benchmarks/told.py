"""Models that take counts, whether or not they must be told the noise: it is of sd 35 here."""

from __future__ import annotations

from crispim_ij.denoising import Denoiser, DenoiseSettings, load_denoiser
from crispim_ij.exporting.units import with_noise
from crispim_ij.models import Model, find_model
from crispim_ij.noise import CameraNoise

NOISE = CameraNoise(gain=0, offset=0, read_noise=35)


def told_denoiser(name: str, settings: DenoiseSettings | None = None) -> Denoiser:
    """Load a model as a function from plane to plane."""
    return load_denoiser(name, settings).told(NOISE)


def told_model(name: str) -> Model:
    """Find a model whose network takes counts."""
    model = find_model(name)
    return with_noise(model, NOISE) if model.spec.takes_noise else model
