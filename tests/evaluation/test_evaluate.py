from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    EvaluationSettings,
    Given,
    Method,
    NoiseSettings,
    PlaneMetrics,
    evaluate,
    find_method,
    metrics,
    noisy_plane,
)
from crispim_ij.evaluation.inputs import choose_planes
from crispim_ij.planes import Source, open_source

NOISY, TV = find_method("noisy"), find_method("tv")


def measure(
    source: Source,
    methods: list[Method],
    settings: EvaluationSettings,
    given: Given | None = None,
) -> list[PlaneMetrics]:
    """All rows of an evaluation."""
    return [row for plane in evaluate(source, methods, settings, given) for row in plane.rows]


def test_one_row_a_plane_and_method(clean: Path) -> None:
    with open_source(clean) as source:
        rows = measure(source, [NOISY, TV], EvaluationSettings(planes=3))
    assert [row.method for row in rows] == ["noisy", "tv"] * 3
    assert len({row.plane for row in rows}) == 3
    assert all(30 <= (row.sd or 0) <= 40 for row in rows)


def test_figures_are_those_of_the_noise(clean: Path, volume: NDArray[np.uint16]) -> None:
    settings = EvaluationSettings(planes=4, noise=NoiseSettings(seed=9))
    with open_source(clean) as source:
        row = measure(source, [NOISY], settings)[2]
    plane, sd = noisy_plane(volume[2], 2, settings.noise)
    span = metrics.robust_range(volume[2])
    assert (row.plane, row.sd) == ("clean_c0003.tif", sd)
    assert row.psnr == metrics.psnr(volume[2], plane)
    assert row.ssim == metrics.ssim(volume[2], plane)
    assert row.pcc == metrics.pearson(volume[2], plane)
    assert row.rmse == metrics.rmse(volume[2], plane)
    assert row.robust_psnr == metrics.psnr(volume[2], plane, span)
    assert row.robust_ssim == metrics.ssim(volume[2], plane, span)


def test_all_methods_see_the_same_noise(clean: Path) -> None:
    seen: list[NDArray[np.float64]] = []
    spies = [Method(name, lambda plane: seen.append(plane) or plane) for name in "ab"]  # type: ignore[func-returns-value]
    with open_source(clean) as source:
        measure(source, spies, EvaluationSettings(planes=1))
    assert np.array_equal(*seen)


def test_planes_are_drawn_once_each_and_by_the_seed() -> None:
    settings = EvaluationSettings(noise=NoiseSettings(seed=1))
    drawn = choose_planes(1000, settings)
    assert len(set(drawn)) == 20
    assert drawn == sorted(drawn) == choose_planes(1000, settings)
    assert drawn != choose_planes(1000, EvaluationSettings(noise=NoiseSettings(seed=2)))


def test_all_planes_where_there_are_fewer() -> None:
    assert choose_planes(5, EvaluationSettings()) == [0, 1, 2, 3, 4]


def test_planes_are_read_one_at_a_time(clean: Path) -> None:
    with open_source(clean) as source:
        planes = evaluate(source, [NOISY], EvaluationSettings(planes=4))
        first = next(iter(planes))
    assert first.clean.shape == (60, 80)
    assert set(first.results) == {"noisy"}


def test_given_planes_take_the_place_of_noise(
    clean: Path, tmp_path: Path, volume: NDArray[np.uint16]
) -> None:
    path = tmp_path / "noisy.tif"
    tifffile.imwrite(path, volume + np.uint16(7), imagej=True)
    with open_source(clean) as source, open_source(path) as other:
        given = Given(noisy=other, results={"mine": other})
        rows = measure(source, [NOISY], EvaluationSettings(), given)
    assert {(row.method, row.rmse, row.sd) for row in rows} == {
        ("noisy", 7.0, None),
        ("mine", 7.0, None),
    }


def test_given_results_alone(clean: Path) -> None:
    with open_source(clean) as source, open_source(clean) as same:
        planes = list(evaluate(source, [], EvaluationSettings(), Given(results={"same": same})))
    assert all(plane.noisy is None and plane.rows[0].rmse == 0 for plane in planes)


def test_given_planes_of_another_size_are_refused(clean: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, np.zeros((4, 60, 81), np.uint16), imagej=True)
    with (
        open_source(clean) as source,
        open_source(path) as other,
        pytest.raises(CrispimError, match=r"other\.tif.*4 planes of 81 x 60"),
    ):
        measure(source, [NOISY], EvaluationSettings(), Given(noisy=other))


def test_nothing_to_evaluate_is_refused(clean: Path) -> None:
    with open_source(clean) as source, pytest.raises(CrispimError, match="--method"):
        measure(source, [], EvaluationSettings())


def test_two_methods_of_a_name_are_refused(clean: Path) -> None:
    with open_source(clean) as source, pytest.raises(CrispimError, match="'tv' is named twice"):
        measure(source, [TV, TV], EvaluationSettings())


def test_planes_smaller_than_ssims_window_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.tif"
    tifffile.imwrite(path, np.zeros((2, 6, 90), np.uint16), imagej=True)
    with open_source(path) as source, pytest.raises(CrispimError, match=r"small\.tif.*90 x 6 px"):
        measure(source, [NOISY], EvaluationSettings())


def test_no_planes_are_refused() -> None:
    with pytest.raises(CrispimError, match="--planes"):
        EvaluationSettings(planes=0)


def test_a_3d_method_gets_the_planes_around(clean: Path, volume: NDArray[np.uint16]) -> None:
    given: list[NDArray[np.float64]] = []

    def middle(block: NDArray[np.float64]) -> NDArray[np.float64]:
        given.append(block)
        return block[8]

    settings = EvaluationSettings(planes=2)
    with open_source(clean) as source:
        planes = list(evaluate(source, [NOISY, Method("middle", middle, 16)], settings))
    for block, plane, index in zip(
        given, planes, choose_planes(len(volume), settings), strict=True
    ):
        around = np.pad(np.arange(len(volume)), (8, 7), mode="symmetric")[index : index + 16]
        for got, k in zip(block, around, strict=True):
            np.testing.assert_array_equal(got, noisy_plane(volume[k], k, settings.noise)[0])
        assert plane.rows[0].psnr == plane.rows[1].psnr


def test_neighbours_are_of_the_planes_channel(tmp_path: Path) -> None:
    for c, z in np.ndindex(2, 4):
        plane = np.full((20, 20), 1000 * c + z, np.uint16)
        tifffile.imwrite(tmp_path / f"C{c}_{z}.tif", plane)
    seen: list[NDArray[np.float64]] = []

    def middle(block: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(block[:, 0, 0])
        return block[2]

    settings = EvaluationSettings(planes=8, noise=NoiseSettings((0, 0)))
    with open_source(tmp_path) as source:
        list(evaluate(source, [Method("middle", middle, 5)], settings))
    assert [block.tolist() for block in seen[3:5]] == [
        [1, 2, 3, 3, 2],
        [1001, 1000, 1000, 1001, 1002],
    ]
