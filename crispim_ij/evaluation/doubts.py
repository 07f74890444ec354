"""Why figures may mislead: noise in the clean planes, and counts that a method can't hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crispim_ij.evaluation.classics import CV2_LARGEST
from crispim_ij.evaluation.inputs import (
    EvaluationSettings,
    Given,
    check_planes,
    choose_planes,
    noise_sd,
    noisy_planes,
)
from crispim_ij.noise import typical_noise
from crispim_ij.planes import Source

OWN_NOISE = 0.15
"""Noise of clean planes, as a share of that which methods remove, from which it is told."""

OWN_SHARE = 0.5
"""The same as a share of the smallest error of results whose noisy planes aren't known."""

_REMEDY = "give cleaner planes, such as the mean of several exposures"


def doubts(
    source: Source, names: Sequence[str], settings: EvaluationSettings, given: Given
) -> list[str]:
    """Say why what is measured may mislead, such as that clean planes are noisy."""
    check_planes(source, given)
    first = choose_planes(len(source), settings)[0]
    told = [_saturated(source, first)] if "cv2" in names else []
    if names or given.noisy is not None:
        told.insert(0, _beside_noise(source, first, settings, given))
    elif given.results:
        told.insert(0, _within_errors(source, first, given))
    return [sentence for sentence in told if sentence]


def _beside_noise(source: Source, index: int, settings: EvaluationSettings, given: Given) -> str:
    """Say that clean planes are noisy, beside the noise that methods are to remove."""
    clean = source.read(index)
    noisy, sd = noisy_planes(source, settings.noise, given.noisy)(index)
    removed = noise_sd(clean, noisy) if sd is None else float(sd)
    own = typical_noise(source)
    if not removed or own <= OWN_NOISE * removed:
        return ""
    consequence = (
        "even a perfect result would score no better than the noisy planes"
        if own >= removed
        else "it counts as every method's error, and a better method may score worse"
    )
    return (
        f"The clean planes of '{source.path}' have noise of their own, of sd {own:.3g} counts "
        f"beside the {removed:.3g} that methods are to remove: {consequence}; {_REMEDY}."
    )


def _within_errors(source: Source, index: int, given: Given) -> str:
    """Say that clean planes are noisy, beside how far results are from them."""
    clean = source.read(index)
    error = min(noise_sd(clean, result.read(index)) for result in given.results.values())
    own = typical_noise(source)
    if own <= OWN_SHARE * error:
        return ""
    return (
        f"The clean planes of '{source.path}' have noise of their own, of sd {own:.3g} counts, "
        f"which counts as an error of every result, the smallest of which is {error:.3g}: a better "
        f"result may score worse; {_REMEDY}."
    )


def _saturated(source: Source, index: int) -> str:
    """Say that the paper's use of OpenCV can't hold the planes' counts."""
    share = float(np.mean(source.read(index) > CV2_LARGEST))
    if not share:
        return ""
    return (
        f"cv2, as the paper used it, takes counts above {CV2_LARGEST} for {CV2_LARGEST}, which "
        f"{share:.0%} of the pixels are here: its row and pictures say nothing of non-local means, "
        "which nlm-tuned measures."
    )
