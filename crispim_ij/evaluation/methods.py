"""What can be evaluated, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.baselines import BASELINES, Denoise
from crispim_ij.evaluation.classics import CLASSICS


@dataclass(frozen=True)
class Method:
    """A denoiser with a name.

    Attributes
    ----------
    name : str
        In tables and file names.
    denoise : callable
        Takes a noisy (Y, X) plane of raw counts and returns a (Y, X) plane of counts.
    depth : int
        Planes that it takes for one, as one array; several for a 3D model.
    """

    name: str
    denoise: Denoise
    depth: int = 1


def find_method(name: str) -> Method:
    """Find a baseline or a model.

    Parameters
    ----------
    name : str
        ``noisy``, ``tv``, ``cv2``, a model's name or the path of a model's folder.

    Returns
    -------
    Method
        Of that name; of the folder's name where a path was given.

    Raises
    ------
    CrispimError
        If there is neither a baseline nor a model of that name.
    """
    if name in BASELINES:
        return Method(name, BASELINES[name])
    from crispim_ij.models import find_model, list_models

    models = [] if Path(name).is_dir() else [model.folder.name for model in list_models()]
    if not (Path(name).is_dir() or name in models):
        raise CrispimError(
            f"There is no method {name!r}: take one of "
            f"{', '.join([*BASELINES, *CLASSICS, *models])}, or "
            "give a model's folder."
        )
    model = find_model(name)
    from crispim_ij.denoising import load_denoiser

    denoiser = load_denoiser(name)
    return Method(model.folder.resolve().name, denoiser, denoiser.depth)
