"""What can be evaluated, by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from crispim_ij.errors import CrispimError, did_you_mean
from crispim_ij.evaluation import metrics
from crispim_ij.evaluation.classics import BASELINES, CLASSICS, NON_BLIND, find_non_blind
from crispim_ij.evaluation.inputs import (
    EvaluationSettings,
    Given,
    check_planes,
    choose_planes,
    noisy_plane,
)
from crispim_ij.planes import Source

if TYPE_CHECKING:
    from crispim_ij.denoising import Denoiser
    from crispim_ij.models import Model

MODEL_SUFFIXES = (".keras", ".h5")
"""Files that hold a whole model."""


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
    non_blind : bool
        Whether `denoise` is given the noise's standard deviation in counts as well.
    provenance : mapping or None
        How a model was made, JSON-ready; None for what is no model.
    denoiser : Denoiser or None
        A model's network, which may be told the noise.
    """

    name: str
    denoise: Callable[..., NDArray[Any]]
    depth: int = 1
    non_blind: bool = False
    provenance: Mapping[str, Any] | None = None
    denoiser: Denoiser | None = None

    def run(self, planes: NDArray[Any], sd: float) -> NDArray[Any]:
        """Denoise counts whose noise has the standard deviation `sd`, if the method wants it."""
        return self.denoise(planes, sd) if self.non_blind else self.denoise(planes)


def default_methods(*, has_noisy: bool, has_results: bool) -> list[str]:
    """Return the methods that are measured where none is named."""
    if not has_results:
        return ["noisy", "tv", "crispim-2d"]
    return ["noisy"] if has_noisy else []


def find_methods(
    names: Sequence[str],
    source: Source,
    settings: EvaluationSettings,
    given: Given | None = None,
) -> list[Method]:
    """Find baselines and models, in order, and tune what has a strength to be chosen.

    Names are those that `find_method` takes and keys of `CLASSICS`, which are tuned on a plane that
    is not measured. CrispimError if there is no such method, or no plane is left to tune on.
    """
    return [
        tune(name, source, settings, given) if name in CLASSICS else find_method(name)
        for name in names
    ]


def find_method(name: str) -> Method:
    """Find a baseline, a classic that is given the noise, or a model.

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
    if name in NON_BLIND:
        classic = find_non_blind(name)
        return Method(name, classic.denoise, classic.depth, non_blind=True)
    path = Path(name)
    if path.suffix in MODEL_SUFFIXES and path.is_file():
        return _from_file(path)
    from crispim_ij.models import list_models, load_model

    if path.is_dir():
        return _from_model(load_model(path))
    models = {model.folder.name: model for model in list_models()}
    if name not in models:
        known = [*BASELINES, *CLASSICS, *NON_BLIND, *models]
        raise CrispimError(
            f"There is no method {name!r}, nor a model's folder or Keras 2 file of that name: "
            f"{did_you_mean(name, known)}"
        )
    return _from_model(models[name])


def _from_model(model: Model) -> Method:
    from crispim_ij.denoising import Denoiser, DenoiseSettings

    denoiser = Denoiser(model, DenoiseSettings())

    def denoise(planes: NDArray[Any]) -> NDArray[Any]:
        return denoiser.told_by(planes)(planes)

    name = model.folder.resolve().name
    provenance = model.spec.provenance
    return Method(name, denoise, denoiser.depth, provenance=provenance, denoiser=denoiser)


def _from_file(path: Path) -> Method:
    """Import a model for as long as its weights are read."""
    from crispim_ij.models.keras2 import import_model

    with tempfile.TemporaryDirectory() as scratch:
        return _from_model(import_model(path, Path(scratch) / path.stem))


def tune(
    name: str, source: Source, settings: EvaluationSettings, given: Given | None = None
) -> Method:
    """Choose the strength at which a key of `CLASSICS` does best on a plane that isn't evaluated.

    That plane gets the like noise, or its noisy one is given. CrispimError if every plane is
    evaluated and none is left, or given planes don't match.
    """
    given = given or Given()
    check_planes(source, given)
    plane = _plane_to_tune_on(source, settings)
    clean = source.read(plane)
    if given.noisy is None:
        noisy, _ = noisy_plane(clean, plane, settings.noise)
    else:
        noisy = given.noisy.read(plane)
    classic = CLASSICS[name]
    best = max(
        classic.strengths,
        key=lambda strength: metrics.psnr(clean, classic.denoise(noisy, strength)),
    )
    return Method(name, lambda seen: classic.denoise(seen, best))


def _plane_to_tune_on(source: Source, settings: EvaluationSettings) -> int:
    """Return the plane in the middle of those that are not evaluated."""
    left = sorted(set(range(len(source))) - set(choose_planes(len(source), settings)))
    if not left:
        raise CrispimError(
            f"All {len(source)} planes of '{source.path}' are evaluated and none is left to tune a "
            "baseline on: evaluate fewer (--planes)."
        )
    return left[len(left) // 2]
