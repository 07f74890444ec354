from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.evaluation import EvaluationSettings, Given, NoiseSettings, doubts
from crispim_ij.planes.arrays import ArraySource

Volume = NDArray[np.uint16]
SETTINGS = EvaluationSettings(3, NoiseSettings((30, 30)))


def noisy(volume: Volume, sd: float) -> ArraySource:
    noise = np.random.default_rng(0).normal(0, sd, volume.shape)
    return ArraySource(np.clip(volume + noise, 0, None).round().astype(np.uint16))


def test_clean_planes_are_not_doubted(volume: Volume) -> None:
    clean = ArraySource(volume)
    assert doubts(clean, ["noisy", "tv"], SETTINGS, Given()) == []
    assert doubts(clean, [], SETTINGS, Given(results={"mine": noisy(volume, 5)})) == []
    assert doubts(clean, ["noisy"], EvaluationSettings(3, NoiseSettings((0, 0))), Given()) == []


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (10, "it counts as every method's error, and a better method may score worse"),
        (50, "even a perfect result would score no better than the noisy planes"),
    ],
)
def test_clean_planes_with_noise_are_told(volume: Volume, own: float, says: str) -> None:
    (said,) = doubts(noisy(volume, own), ["tv"], SETTINGS, Given())
    assert says in said
    measured = float(said.partition("of sd ")[2].partition(" ")[0])
    assert measured == pytest.approx(own, rel=0.1)


def test_noise_is_set_against_that_of_given_planes(volume: Volume) -> None:
    (said,) = doubts(noisy(volume, 40), [], SETTINGS, Given(ArraySource(volume)))
    assert "beside the 4" in said


def test_noise_that_is_much_of_results_errors_is_told(volume: Volume) -> None:
    given = Given(results={"smooth": ArraySource(volume), "rough": noisy(volume, 60)})
    (said,) = doubts(noisy(volume, 20), [], SETTINGS, given)
    assert "which counts as an error of every result, the smallest of which is 20" in said


def test_counts_that_cv2_saturates_are_told(volume: Volume) -> None:
    (said,) = doubts(ArraySource(volume), ["noisy", "cv2"], SETTINGS, Given())
    assert "cv2, as the paper used it, takes counts above 255 for 255" in said
    dim = ArraySource((volume // 8).astype(np.uint16))
    assert doubts(dim, ["noisy", "cv2"], SETTINGS, Given()) == []
