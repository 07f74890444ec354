from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.denoising import denoise_stack, load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.planes import create_sink, open_source

STACK = np.random.default_rng(2).gamma(4, 60, (7, 40, 52)).astype(np.uint16)


@pytest.mark.parametrize("name", ["result", "result.tif"])
def test_every_plane_is_denoised_in_its_place(model: Model, tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / "noisy.tif", STACK, photometric="minisblack")
    denoise = load_denoiser(str(model.folder))
    ticks: list[int] = []
    with (
        open_source(tmp_path / "noisy.tif") as source,
        create_sink(tmp_path / name, source) as sink,
    ):
        denoise_stack(source, sink, denoise, lambda: ticks.append(1))
    assert len(ticks) == len(STACK)
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
        denoise_stack(source, sink, denoise, lambda: None)
    assert not (tmp_path / "result").exists()


PEAK = """
import resource, sys
from pathlib import Path
import numpy as np
from crispim_ij.denoising import denoise_stack
from crispim_ij.planes import create_sink, open_source
folder, output = Path(sys.argv[1]), Path(sys.argv[2])
with open_source(folder) as source, create_sink(output, source) as sink:
    denoise_stack(source, sink, lambda plane: np.sqrt(plane), lambda: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_memory(folder: Path, planes: int) -> int:
    """Peak memory, in kB, of a process that sends so many planes through the pipeline."""
    noisy = folder / f"noisy{planes}"
    noisy.mkdir()
    for index in range(planes):
        tifffile.imwrite(noisy / f"{index}.tif", np.resize(STACK[0], (256, 256)))
    output = str(folder / f"out{planes}")
    command = [sys.executable, "-c", PEAK, str(noisy), output]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


def test_memory_does_not_grow_with_planes(tmp_path: Path) -> None:
    few, many = peak_memory(tmp_path, 50), peak_memory(tmp_path, 1000)
    held_at_once = 950 * 256 * 256 * 2 / 1024
    assert many - few < held_at_once / 10
