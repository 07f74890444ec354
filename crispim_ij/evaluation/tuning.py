"""The strength at which a classic denoiser does best."""

from __future__ import annotations

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import metrics
from crispim_ij.evaluation.classics import CLASSICS
from crispim_ij.evaluation.evaluate import (
    EvaluationSettings,
    Given,
    check_planes,
    choose_planes,
)
from crispim_ij.evaluation.methods import Method
from crispim_ij.evaluation.noise import noisy_plane
from crispim_ij.planes import Source


def tune(
    name: str, source: Source, settings: EvaluationSettings, given: Given | None = None
) -> Method:
    """Choose a classic's strength on a plane that is not evaluated.

    Parameters
    ----------
    name : str
        A key of `CLASSICS`.
    source : Source
        Clean planes.
    settings : EvaluationSettings
        Which planes are evaluated, and their noise; the plane for tuning gets the like.
    given : Given or None
        Noisy planes that take the place of drawn noise, here as well.

    Returns
    -------
    Method
        The classic at the strength with the highest PSNR there.

    Raises
    ------
    CrispimError
        If every plane is evaluated and none is left, or given planes don't match.
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
