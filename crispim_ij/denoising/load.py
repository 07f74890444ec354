"""Denoisers by the name of their model, kept where asked: to compile one takes a while."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock

from crispim_ij.denoising.denoiser import Denoiser, DenoiseSettings
from crispim_ij.denoising.uncertainty import UncertainDenoiser, load_error_model
from crispim_ij.models import Model, find_model

_LOADING = Lock()


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


def cached_denoiser(model: Model, settings: DenoiseSettings, *, uncertain: bool) -> Denoiser:
    """Load a model as `load_denoiser` does, or return what was loaded before.

    Several threads may ask at once. Other weights or factors in the model's folder are
    another model.
    """
    errors = load_error_model(model) if uncertain else None
    factors = None if errors is None else (errors.spread, errors.residue)
    with _LOADING:
        return _load(_Key(model.folder, model.spec.sha256, settings, factors, model))


@dataclass(frozen=True)
class _Key:
    """What decides the pixels that a denoiser gives."""

    folder: Path
    sha256: str
    settings: DenoiseSettings
    factors: tuple[float, float] | None
    model: Model = field(compare=False)


@lru_cache(maxsize=4)
def _load(key: _Key) -> Denoiser:
    return load_denoiser(key.model, key.settings, uncertain=key.factors is not None)
