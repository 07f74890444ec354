from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crispim_ij.parity import Interpolation, NativeImageJ
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from crispim_ij.preprocessing import PreprocessSettings, preprocess, target_size
from tests.preprocessing.test_run import run, write_stack

pytest.importorskip("zarr", reason="needs Python 3.11")


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
        size = target_size(planes.shape[1:], settings.factor)
        chosen = SinkSettings(plane_shape=size, zarr=ZarrSettings(chunk=16), **more)
        sink = create_sink(output, planes, chosen)
        clean = create_sink(output.with_name(f"clean-{output.name}"), planes, chosen)
        for each in (sink, clean):
            each.record({})
        with sink, clean:
            preprocess(planes, sink, clean, settings, NativeImageJ(), 2, done)
    return shares


def pixels(path: Path) -> Any:
    with open_source(path) as source:
        return np.stack([source.read(k) for k in range(len(source))])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
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
    monkeypatch.setattr("crispim_ij.preprocessing.bands._SOURCE_SIDE", 24)
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
