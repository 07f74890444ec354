from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import SinkSettings, ZarrSettings, open_source
from crispim_ij.preprocessing import PreprocessSettings
from tests.jobs.test_preprocess import run, write_stack


def in_bands(
    source: Path, output: Path, settings: PreprocessSettings, stop: int = 99, **more: Any
) -> list[float]:
    """Preprocess into an OME-Zarr of small chunks, or stop after some writes."""
    shares: list[float] = []

    def done(share: float) -> None:
        shares.append(share)
        if len(shares) == stop:
            raise KeyboardInterrupt

    with open_source(source) as planes:
        chosen = SinkSettings(zarr=ZarrSettings(chunk=16), **more)
        clean = output.with_name(f"clean-{output.name}")
        outputs = [Output(output, chosen), Output(clean, chosen)]
        job = plan_preprocessing(planes, outputs, settings, NativeImageJ, {})
        with closing(preprocess_locally(job, 2)) as steps:
            assert next(steps) == 0
            for share in steps:
                done(share)
    return shares


def pixels(path: Path) -> Any:
    with open_source(path) as source:
        return np.stack([source.read(k) for k in range(len(source))])


@pytest.mark.parametrize(
    "dtype",
    [np.uint16, *(pytest.param(one, marks=pytest.mark.long) for one in (np.uint8, np.float32))],
)
@pytest.mark.parametrize(
    "settings",
    [
        PreprocessSettings(2, seed=3),
        PreprocessSettings(1, noise_sd=(30, 40), seed=-2),
        PreprocessSettings(1.7, Interpolation.BICUBIC, seed=1, seed_stack=True),
        PreprocessSettings(2, Interpolation.NONE, average=False, seed=1),
    ],
)
def test_bands_are_whole_planes_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: Any, settings: PreprocessSettings
) -> None:
    monkeypatch.setattr("crispim_ij.jobs.local._SOURCE_SIDE", 24)
    source = write_stack(tmp_path / "in.tif", dtype, (2, 90, 101))
    run(source, tmp_path / "whole.tif", settings, tmp_path / "clean.tif")
    shares = in_bands(source, tmp_path / "bands.zarr", settings)
    assert abs(sum(shares) - 2) < 1e-9
    assert (len(shares) > 2) == settings.average
    np.testing.assert_array_equal(pixels(tmp_path / "bands.zarr"), pixels(tmp_path / "whole.tif"))
    np.testing.assert_array_equal(
        pixels(tmp_path / "clean-bands.zarr"), pixels(tmp_path / "clean.tif")
    )


@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_run_stopped_within_a_plane_is_gone_on_with(
    tmp_path: Path, stop: int, stack: bool
) -> None:
    source = write_stack(tmp_path / "in.tif", np.uint16, (3, 90, 101))
    settings = PreprocessSettings(2, seed=3, seed_stack=stack)
    run(source, tmp_path / "whole.tif", settings)
    with pytest.raises(KeyboardInterrupt):
        in_bands(source, tmp_path / "bands.zarr", settings, stop)
    in_bands(source, tmp_path / "bands.zarr", settings, resume=True)
    np.testing.assert_array_equal(pixels(tmp_path / "bands.zarr"), pixels(tmp_path / "whole.tif"))
