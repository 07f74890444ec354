"""Denoisers by the name of their model."""

from __future__ import annotations

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import UncertainDenoiser
from crispim_ij.models import Model, find_model


def load_denoiser(
    model: str | Model, settings: DenoiseSettings | None = None, *, uncertain: bool = False
) -> Denoiser:
    """Load a model as a function from plane to plane.

    Parameters
    ----------
    model : str or Model
        Name of a model, path of a model folder, or the model itself.
    settings : DenoiseSettings or None
        How to run it; None takes the defaults.
    uncertain : bool
        Whether the expected error comes with each plane.

    Returns
    -------
    Denoiser
        The function; an `UncertainDenoiser` where that was asked for.
    """
    kind = UncertainDenoiser if uncertain else Denoiser
    found = find_model(model) if isinstance(model, str) else model
    return kind(found, settings or DenoiseSettings())
