"""What can be evaluated, by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.baselines import BASELINES
from crispim_ij.evaluation.classics import CLASSICS
from crispim_ij.evaluation.told import TOLD, find_told

if TYPE_CHECKING:
    from crispim_ij.models import Model

MODEL_SUFFIXES = (".keras", ".h5")
"""Files that hold a whole model."""

WITHOUT_NETWORK = frozenset({*BASELINES, *CLASSICS, *TOLD})
"""Names of all methods that are no models."""


@dataclass(frozen=True)
class Method:
    """A denoiser with a name.

    Attributes
    ----------
    name : str
        In tables and file names.
    denoise : callable
        Takes a noisy (Y, X) plane of raw counts, or (Z, Y, X) planes of which the one at
        ``Z // 2`` is wanted, and returns a (Y, X) plane of counts.
    depth : int
        Planes that it takes for one, as one array; several for a 3D model.
    told : bool
        Whether `denoise` is told the noise: its standard deviation in counts comes second.
    """

    name: str
    denoise: Callable[..., NDArray[Any]]
    depth: int = 1
    told: bool = False

    def run(self, planes: NDArray[Any], sd: float) -> NDArray[Any]:
        """Denoise, and tell the noise to a method that asks for it.

        Parameters
        ----------
        planes : ndarray, shape (Y, X), or (Z, Y, X) where `depth` is more than 1
            Raw counts.
        sd : float
            Standard deviation of the wanted plane's noise, in counts.

        Returns
        -------
        ndarray, shape (Y, X)
            Counts.
        """
        return self.denoise(planes, sd) if self.told else self.denoise(planes)


def find_method(name: str) -> Method:
    """Find a baseline, a classic that is told the noise, or a model.

    Parameters
    ----------
    name : str
        ``noisy``, ``tv``, ``cv2``, ``bm3d``, ``bm4d``, a model's name, the path of
        a model's folder, or a ``.keras`` or ``.h5`` file of the paper's family that Keras 2
        wrote.

    Returns
    -------
    Method
        Of that name; of the folder's name, or the file's without its ending, where a path
        was given.

    Raises
    ------
    CrispimError
        If there is no such method, or it can't be used, or its package isn't installed.
    """
    if name in BASELINES:
        return Method(name, BASELINES[name])
    if name in TOLD:
        classic = find_told(name)
        return Method(name, classic.denoise, classic.depth, told=True)
    path = Path(name)
    if path.suffix in MODEL_SUFFIXES and path.is_file():
        return _from_file(path)
    from crispim_ij.models import list_models, load_model

    if path.is_dir():
        return _from_model(load_model(path))
    models = {model.folder.name: model for model in list_models()}
    if name not in models:
        known = ", ".join([*BASELINES, *CLASSICS, *TOLD, *models])
        raise CrispimError(
            f"There is no method {name!r}: take one of {known}, or give a model's folder or its "
            "Keras 2 file."
        )
    return _from_model(models[name])


def _from_model(model: Model) -> Method:
    from crispim_ij.denoising import Denoiser, DenoiseSettings

    denoiser = Denoiser(model, DenoiseSettings())

    def told_by_nobody(planes: NDArray[Any]) -> NDArray[Any]:
        return denoiser.told_by(planes)(planes)

    return Method(model.folder.resolve().name, told_by_nobody, denoiser.depth)


def _from_file(path: Path) -> Method:
    """Import a model for as long as its weights are read."""
    from crispim_ij.models.keras2 import import_model

    with tempfile.TemporaryDirectory() as scratch:
        return _from_model(import_model(path, Path(scratch) / path.stem))
