from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.denoising import denoise_planes, load_denoiser
from crispim_ij.denoising.pipeline import windows
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.planes import create_sink, open_source
from tests.peak import peak_kilobytes

STACK = np.random.default_rng(2).gamma(4, 60, (7, 40, 52)).astype(np.uint16)


@pytest.mark.parametrize("name", ["result", "result.tif"])
def test_every_plane_is_denoised_in_its_place(model: Model, tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / "noisy.tif", STACK, photometric="minisblack")
    denoise = load_denoiser(str(model.folder))
    ticks: list[float] = []
    with (
        open_source(tmp_path / "noisy.tif") as source,
        create_sink(tmp_path / name, source) as sink,
    ):
        ticks.extend(denoise_planes(source, sink, denoise))
    assert ticks == [1] * len(STACK)
    with open_source(tmp_path / name) as written:
        assert (written.shape, written.dtype) == (STACK.shape, STACK.dtype)
        for index, plane in enumerate(STACK):
            expected = np.clip(np.rint(denoise(plane)), 0, 65535)
            np.testing.assert_allclose(written.read(index), expected, atol=1)


def test_a_fault_in_the_middle_leaves_nothing(model: Model, tmp_path: Path) -> None:
    stack = STACK.astype(np.float32)
    stack[4, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "noisy.tif", stack, photometric="minisblack")
    denoise = load_denoiser(str(model.folder))
    with (
        open_source(tmp_path / "noisy.tif") as source,
        pytest.raises(CrispimError, match=r"noisy.tif.*NaN"),
        create_sink(tmp_path / "result", source) as sink,
    ):
        list(denoise_planes(source, sink, denoise))
    assert not (tmp_path / "result").exists()


PEAK = """
import sys
from pathlib import Path
import numpy as np
from crispim_ij.denoising import DenoiseSettings, denoise_planes
from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.planes import create_sink, open_source
class Root:
    depth = int(sys.argv[3])
    settings = DenoiseSettings()
    def grid(self, shape):
        return TileGrid(shape, shape, 0)
    def extended(self, grid, block):
        return np.sqrt(block[..., 0, :, :] if self.depth > 1 else block)
folder, output = Path(sys.argv[1]), Path(sys.argv[2])
with open_source(folder) as source, create_sink(output, source) as sink:
    for _ in denoise_planes(source, sink, Root()):
        pass
"""


@pytest.mark.long
@pytest.mark.parametrize("depth", [1, 16])
def test_memory_does_not_grow_with_planes(tmp_path: Path, depth: int) -> None:
    peaks = []
    for planes in (50, 1000):
        noisy = tmp_path / f"noisy{planes}"
        noisy.mkdir()
        for index in range(planes):
            tifffile.imwrite(noisy / f"{index}.tif", np.resize(STACK[0], (256, 256)))
        peaks.append(peak_kilobytes(PEAK, noisy, tmp_path / f"out{planes}", depth))
    held_at_once = 950 * 256 * 256 * 2 / 1024
    assert peaks[1] - peaks[0] < held_at_once / 10


@pytest.mark.parametrize("count", [1, 2, 7, 16, 40])
def test_windows_read_each_plane_once(tmp_path: Path, count: int) -> None:
    stack = np.arange(count, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "noisy.tif", stack, photometric="minisblack")
    read: list[int] = []
    with open_source(tmp_path / "noisy.tif") as source:

        def watched(index: int) -> NDArray[np.uint16]:
            read.append(index)
            return source.read(index)

        found = [
            [int(plane[0, 0]) for plane in block] for block in windows(source, 16, read=watched)
        ]
    assert sorted(read) == list(range(count))
    mirrored = np.pad(np.arange(count), (8, 7), mode="symmetric")
    assert found == [mirrored[k : k + 16].tolist() for k in range(count)]
