"""Denoisers by the name of their model."""

from __future__ import annotations

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import UncertainDenoiser
from crispim_ij.models import Model, find_model


def load_denoiser(
    model: str | Model, settings: DenoiseSettings | None = None, *, uncertain: bool = False
) -> Denoiser:
    """Load a model, by its name or its folder, as a function from plane to plane.

    With `uncertain` an `UncertainDenoiser`, which returns the expected error with each plane.
    """
    kind = UncertainDenoiser if uncertain else Denoiser
    found = find_model(model) if isinstance(model, str) else model
    return kind(found, settings or DenoiseSettings())
