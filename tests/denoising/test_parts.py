"""Planes denoised in parts, and hyperstacks by a 3D model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising import Denoiser, DenoiseSettings, check_slices, denoise_planes
from crispim_ij.denoising.pipeline import windows
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.networks import mini_stack
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from crispim_ij.planes.blocks import blocks_of, read_mirrored
from tests.made import fresh_model

STACK = np.random.default_rng(3).gamma(4, 60, (2, 75, 110)).astype(np.uint16)


@pytest.mark.parametrize("tile", [16, 40, 1024])
def test_parts_equal_the_whole(model: Model, tmp_path: Path, tile: int) -> None:
    tifffile.imwrite(tmp_path / "in.tif", STACK, photometric="minisblack", rowsperstrip=8)
    denoise = Denoiser(model, DenoiseSettings(tile=tile))
    chosen = SinkSettings(dtype=np.dtype("float32"), zarr=ZarrSettings(chunk=32))
    shares: list[float] = []
    with (
        open_source(tmp_path / "in.tif") as source,
        create_sink(tmp_path / "out.zarr", source, chosen) as sink,
    ):
        shares.extend(denoise_planes(source, sink, denoise))
    assert abs(sum(shares) - 2) < 1e-9
    with open_source(tmp_path / "out.zarr") as written:
        for k, plane in enumerate(STACK):
            np.testing.assert_allclose(written.read(k), denoise(plane), atol=1e-3, rtol=0)


def test_parts_equal_the_whole_in_3d(tmp_path: Path) -> None:
    volume = fresh_model("residual-2.5d")
    stack = STACK[:, :40, :48].repeat(2, axis=0)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    denoise = Denoiser(volume, DenoiseSettings(tile=32))
    chosen = SinkSettings(dtype=np.dtype("float32"), zarr=ZarrSettings(chunk=32))
    with (
        open_source(tmp_path / "in.tif") as source,
        create_sink(tmp_path / "out.zarr", source, chosen) as sink,
    ):
        list(denoise_planes(source, sink, denoise))
    with open_source(tmp_path / "out.zarr") as written:
        for k in range(4):
            around = stack[mini_stack(k, 4, denoise.depth)]
            np.testing.assert_allclose(written.read(k), denoise(around), atol=1e-3, rtol=0)


def test_regions_beyond_the_plane_are_mirrored(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", STACK, photometric="minisblack")
    padded = np.pad(STACK[1], 90, mode="symmetric")
    with open_source(tmp_path / "in.tif") as source:
        for rows, columns in (
            (slice(-24, 40), slice(10, 60)),
            (slice(60, 99), slice(-90, 200)),
            (slice(3, 9), slice(100, 111)),
        ):
            found = read_mirrored(source, 1, rows, columns)
            place = tuple(slice(part.start + 90, part.stop + 90) for part in (rows, columns))
            np.testing.assert_array_equal(found, padded[place])


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("budget", [1, 2**12, 2**26])
def test_pieces_cover_every_plane_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deep: bool, budget: int
) -> None:
    monkeypatch.setattr("crispim_ij.planes.blocks.CACHE_BYTES", budget)
    tifffile.imwrite(tmp_path / "in.tif", STACK, photometric="minisblack")
    with open_source(tmp_path / "in.tif") as source:
        sink = create_sink(tmp_path / "o.zarr", source, SinkSettings(zarr=ZarrSettings(chunk=16)))
        seen = np.zeros(STACK.shape, int)
        for block in blocks_of(source, sink, 40, deep=deep):
            seen[block.index, block.rows, block.columns] += 1
            assert max(block.shape) <= 40
            assert all(place % 16 == 0 for place in block.at)
    assert (seen == 1).all()


HYPER = np.arange(2 * 5 * 3)[:, None, None] * np.ones((1, 8, 9), np.uint16)


@pytest.mark.parametrize("axes", ["TZCYX", "ome"])
def test_neighbours_are_of_the_same_channel_and_time(tmp_path: Path, axes: str) -> None:
    """Time points, slices, channels."""
    stack = HYPER.astype(np.uint16).reshape(2, 5, 3, 8, 9)
    if axes == "ome":
        stack = np.moveaxis(stack, 2, 1)
        tifffile.imwrite(tmp_path / "in.ome.tif", stack, metadata={"axes": "TCZYX"})
        path = tmp_path / "in.ome.tif"
    else:
        path = tmp_path / "in.tif"
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": axes})
    reads: list[int] = []
    with open_source(path) as source:

        def watched(index: int) -> Any:
            reads.append(index)
            return source.read(index)

        found = [[int(p[0, 0]) for p in planes] for planes in windows(source, 4, read=watched)]
        own = [int(source.read(k)[0, 0]) for k in range(30)]
    assert sorted(reads) == list(range(30))
    for value, planes in zip(own, found, strict=True):
        time, z, channel = np.unravel_index(value, (2, 5, 3))
        expected = [int(time * 15 + k * 3 + channel) for k in mini_stack(int(z), 5, 4)]
        assert planes == expected


def test_frames_are_no_slices_for_a_3d_model(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", STACK, imagej=True, metadata={"axes": "TYX"})
    with (
        open_source(tmp_path / "in.tif") as source,
        pytest.raises(CrispimError, match="one slice for each channel and time point"),
    ):
        check_slices(source, 16)
