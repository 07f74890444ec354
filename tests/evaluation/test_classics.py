from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.restoration import denoise_tv_bregman

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    BASELINES,
    NON_BLIND,
    EvaluationSettings,
    Given,
    Method,
    NoiseSettings,
    evaluate,
    find_method,
    metrics,
)
from crispim_ij.evaluation.classics import VOLUME, is_installed, without_mirrored
from crispim_ij.networks import mini_stack
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import open_source


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


def keeping(heard: list[float]) -> Method:
    """A method that keeps what it is told."""

    def denoise(plane: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
        heard.append(sd)
        return plane

    return Method("told", denoise, non_blind=True)


def test_a_method_is_told_the_sd_that_was_drawn(clean: Path) -> None:
    told: list[float] = []
    with open_source(clean) as source:
        settings = EvaluationSettings(3, NoiseSettings((10, 60)))
        rows = [plane.rows[0] for plane in evaluate(source, [keeping(told)], settings)]
    assert told == [row.sd for row in rows]


def test_of_given_planes_a_method_is_told_their_noise(
    clean: Path, tmp_path: Path, volume: NDArray[np.uint16]
) -> None:
    """Their type is uint16, whose differences wrap around."""
    told: list[float] = []
    path = tmp_path / "noisy.tif"
    rng = np.random.default_rng(0)
    noisy = np.clip(volume + rng.normal(0, 20, volume.shape), 0, 65535).astype(np.uint16)
    tifffile.imwrite(path, noisy, imagej=True)
    with open_source(clean) as source, open_source(path) as given:
        list(evaluate(source, [keeping(told)], EvaluationSettings(4), Given(given)))
    assert told == pytest.approx([20] * 4, rel=0.05)


def test_a_method_that_is_not_told_gets_planes_alone() -> None:
    plane = np.zeros((8, 8))
    assert find_method("noisy").run(plane, 35.0) is plane


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_mirrored_planes_are_left_out(count: int) -> None:
    stack = np.random.default_rng(0).random((count, 8, 8))
    for index in range(count):
        own, place = without_mirrored(stack[mini_stack(index, count, VOLUME)])
        first = max(0, index - VOLUME // 2)
        np.testing.assert_array_equal(own, stack[first : index + VOLUME // 2 + 1])
        np.testing.assert_array_equal(own[place], stack[index])


@pytest.mark.parametrize("name", NON_BLIND)
def test_a_package_that_is_missing_is_named_with_its_licence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CrispimError, match=rf"non-commercial.*pip install {name}"):
        find_method(name)
    assert not is_installed(name)


@pytest.mark.parametrize("name", ["bm3d", pytest.param("bm4d", marks=pytest.mark.long)])
def test_noise_is_removed_and_the_level_kept(name: str) -> None:
    pytest.importorskip(name)
    clean = simulate_volume(PhantomSettings((VOLUME, 48, 56), seed=1, pixel_size=7.2))
    noisy = clean + np.random.default_rng(0).normal(0, 35, clean.shape)
    method = find_method(name)
    wanted = VOLUME // 2
    given = noisy if method.depth > 1 else noisy[wanted]
    result = method.run(given, 35.0)
    assert result.shape == (48, 56)
    assert result.mean() == pytest.approx(clean[wanted].mean(), rel=0.02)
    assert metrics.rmse(clean[wanted], result) < 0.8 * metrics.rmse(clean[wanted], noisy[wanted])
    assert method.run(given, 1.0).std() > result.std()


@pytest.mark.slow
def test_bm4d_takes_the_plane_that_is_wanted_at_a_stacks_end() -> None:
    pytest.importorskip("bm4d")
    levels = 100.0 * np.arange(1, 6)
    stack = levels[:, None, None] + np.random.default_rng(0).normal(0, 1, (5, 16, 16))
    method = find_method("bm4d")
    for index, level in enumerate(levels):
        result = method.run(stack[mini_stack(index, 5, method.depth)], 1.0)
        assert result.mean() == pytest.approx(level, abs=5)


def test_bm4d_refuses_a_stack_that_is_no_volume() -> None:
    pytest.importorskip("bm4d")
    method = find_method("bm4d")
    planes = np.random.default_rng(0).random((4, 16, 16))[mini_stack(1, 4, method.depth)]
    with pytest.raises(CrispimError, match="stack of 4 planes"):
        method.run(planes, 1.0)


@pytest.mark.parametrize("name", NON_BLIND)
def test_planes_smaller_than_a_block_are_refused(name: str) -> None:
    pytest.importorskip(name)
    method = find_method(name)
    with pytest.raises(CrispimError, match="30 x 7 px"):
        method.run(np.zeros((9, 7, 30) if method.depth > 1 else (7, 30)), 5.0)
