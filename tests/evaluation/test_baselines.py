from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.restoration import denoise_tv_bregman

from crispim_ij.evaluation import BASELINES


def test_noisy_is_the_plane_itself(noisy: NDArray[np.float64]) -> None:
    assert BASELINES["noisy"](noisy) is noisy


def test_tv_is_the_papers(noisy: NDArray[np.float64]) -> None:
    expected = denoise_tv_bregman(noisy, weight=0.1)
    assert np.array_equal(BASELINES["tv"](noisy), expected)


def test_tv_takes_integers_as_counts(volume: NDArray[np.uint16]) -> None:
    expected = denoise_tv_bregman(volume[0].astype(np.float64), weight=0.1)
    assert np.array_equal(BASELINES["tv"](volume[0]), expected)
    assert expected.max() > 200


def test_cv2_is_the_papers(noisy: NDArray[np.float64]) -> None:
    expected = cv2.fastNlMeansDenoising(
        cv2.convertScaleAbs(noisy), None, h=10, templateWindowSize=7, searchWindowSize=21
    )
    assert np.array_equal(BASELINES["cv2"](noisy), expected)


def test_cv2_saturates_as_published() -> None:
    plane = np.full((32, 32), 3000.0)
    assert np.array_equal(BASELINES["cv2"](plane), np.full((32, 32), 255))


def test_cv2_takes_integers_alike(volume: NDArray[np.uint16]) -> None:
    plane = volume[0]
    assert np.array_equal(BASELINES["cv2"](plane), BASELINES["cv2"](plane.astype(np.float64)))
