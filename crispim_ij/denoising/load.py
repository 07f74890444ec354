"""Denoisers by the name of their model, kept where asked: to compile one takes a while."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import UncertainDenoiser, load_error_model
from crispim_ij.models import Model, find_model

_LOADING = Lock()


def load_denoiser(
    name: str, settings: DenoiseSettings | None = None, *, uncertain: bool = False
) -> Denoiser:
    """Load a model as a function from plane to plane.

    Parameters
    ----------
    name : str
        Name of a model, or path of a model folder.
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
    return kind(find_model(name), settings or DenoiseSettings())


def cached_denoiser(model: Model, settings: DenoiseSettings, *, uncertain: bool) -> Denoiser:
    """Load a model as a function from plane to plane, or return that of the last time.

    Several threads may ask at once.

    Parameters
    ----------
    model : Model
        The model; another one where its weights have changed.
    settings : DenoiseSettings
        How to run it.
    uncertain : bool
        Whether the expected error comes with each plane.

    Returns
    -------
    Denoiser
        The function; an `UncertainDenoiser` where that was asked for.
    """
    errors = load_error_model(model) if uncertain else None
    factors = errors and (errors.spread, errors.residue)
    with _LOADING:
        return _load(model.folder, model.spec.sha256, settings, factors)


@lru_cache(maxsize=4)
def _load(
    folder: Path,
    sha256: str,  # noqa: ARG001 - part of the key
    settings: DenoiseSettings,
    factors: tuple[float, float] | None,
) -> Denoiser:
    """Load a model; other weights or factors in its folder are another key."""
    return load_denoiser(str(folder), settings, uncertain=factors is not None)
