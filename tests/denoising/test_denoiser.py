from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crispim_ij.denoising import Denoiser, DenoiseSettings, load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, load_model, save_model

PLANE = np.random.default_rng(1).gamma(4, 60, (93, 141)).astype(np.uint16)


@cache
def network_in(folder: Path) -> Any:
    """The network of a model, built once for all tests."""
    return load_model(folder).network()


def whole_plane(model: Model, plane: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What the untrimmed network makes of a plane extended by the halo, in one piece."""
    halo, stride = model.spec.halo, model.spec.stride
    margins = [(halo, halo + -side % stride) for side in plane.shape]
    extended = np.pad(plane, margins, mode="symmetric").astype(np.float32)
    result = np.asarray(network_in(model.folder)(extended[None, ..., None]))[0, ..., 0]
    return result[halo : halo + plane.shape[0], halo : halo + plane.shape[1]]


@pytest.mark.parametrize("tile", [1, 4, 7, 16, 29, 32, 50, 64, 93, 100, 141, 1024])
def test_tiled_equals_whole(model: Model, tile: int) -> None:
    plane = PLANE if tile >= 16 else PLANE[:21, :29]  # which is many small tiles as well
    result = Denoiser(model, DenoiseSettings(tile=tile))(plane)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, whole_plane(model, plane), atol=1e-3, rtol=0)


@pytest.mark.parametrize("shape", [(4, 4), (5, 300), (64, 64), (17, 40)])
def test_any_size_of_plane(model: Model, shape: tuple[int, int]) -> None:
    plane = np.resize(PLANE, shape)
    result = load_denoiser(str(model.folder))(plane)
    np.testing.assert_allclose(result, whole_plane(model, plane), atol=1e-3, rtol=0)


def test_a_network_is_compiled_once_for_all_tiles(model: Model, tmp_path: Path) -> None:
    first, again = (Denoiser(model, DenoiseSettings(tile=tile)) for tile in (64, 1024))
    assert again._run is first._run
    assert load_denoiser(str(model.folder))._run is first._run
    other = save_model(model.network(), model.spec.architecture, tmp_path, {})
    assert Denoiser(other, DenoiseSettings())._run is not first._run


def test_threads_share_one_denoiser(model: Model) -> None:
    denoise = Denoiser(model, DenoiseSettings(tile=64))
    expected = denoise(PLANE)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(denoise, [PLANE] * 8):
            np.testing.assert_allclose(result, expected, atol=1e-3, rtol=0)


def test_bfloat16_is_near(model: Model) -> None:
    """As near as numbers of 8 bits let 9 to 20 convolutions be: 0.4 to 1.8 % in many trials."""
    exact = load_denoiser(model)(PLANE)
    difference = load_denoiser(model, DenoiseSettings(precision="bfloat16"))(PLANE) - exact
    assert 1e-3 < difference.std() / exact.std() < 0.025
    assert np.abs(difference).max() / np.abs(exact).max() < 0.02


def test_planes_smaller_than_the_stride_are_refused(model: Model) -> None:
    with pytest.raises(CrispimError, match=r"plane of 3 x 50 px is too small .* 4 px"):
        load_denoiser(str(model.folder))(np.zeros((3, 50)))


def test_tiles_have_a_side() -> None:
    with pytest.raises(CrispimError, match="--tile is 0"):
        DenoiseSettings(tile=0)


@pytest.mark.long
def test_3d_tiles_equal_the_whole(deep_model: Model) -> None:
    block = (
        np.random.default_rng(1).gamma(4, 60, (deep_model.spec.depth, 21, 30)).astype(np.float32)
    )
    halo, stride = deep_model.spec.halo, deep_model.spec.stride
    margins = [(0, 0), *((halo, halo + -side % stride) for side in block.shape[1:])]
    extended = np.pad(block, margins, mode="symmetric")
    whole = np.asarray(deep_model.network()(extended[None, ..., None]))[0, ..., 0]
    expected = whole[halo : halo + 21, halo : halo + 30]
    for tile in (16, 1024):
        denoise = Denoiser(deep_model, DenoiseSettings(tile=tile))
        assert denoise.depth == deep_model.spec.depth
        np.testing.assert_allclose(denoise(block), expected, atol=1e-3, rtol=0)
