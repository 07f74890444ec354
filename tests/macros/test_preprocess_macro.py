"""`CRISPIM_Preprocess.ijm` gives the pixels of `crispim-ij preprocess`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.imagej import open_gateway
from crispim_ij.parity import Interpolation
from crispim_ij.planes import SinkSettings, create_sink, open_source
from crispim_ij.preprocess import PreprocessSettings, preprocess, target_size

MACRO = (Path(__file__).parents[2] / "macros/CRISPIM_Preprocess.ijm").read_text()


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", PreprocessSettings(seed=0, seed_stack=True)),
        (
            "factor=2.5\ninterpolation=None\nsd=7.5\nseed=-3",
            PreprocessSettings(2.5, Interpolation.NONE, True, (7.5, 7.5), -3, True),
        ),
        ("sd=0\ninterpolation=Bicubic", PreprocessSettings(4, Interpolation.BICUBIC, True, (0, 0))),
    ],
)
def test_equals_the_command(tmp_path: Path, options: str, settings: PreprocessSettings) -> None:
    source = tmp_path / "a stack.tif"
    stack = np.random.default_rng(0).gamma(2, 60, (4, 42, 63)).astype(np.uint16)
    tifffile.imwrite(source, stack, photometric="minisblack")
    by_macro = tmp_path / "by macro.tif"
    gateway = open_gateway()
    gateway.run_macro(MACRO, f"input={source}\noutput={by_macro}\n{options}")
    with open_source(source) as planes:
        sinks = SinkSettings(plane_shape=target_size(planes.shape[1:], settings.factor))
        with create_sink(tmp_path / "by command.tif", planes, sinks) as sink:
            preprocess(planes, sink, None, settings, gateway)
    np.testing.assert_array_equal(
        tifffile.imread(by_macro), tifffile.imread(tmp_path / "by command.tif")
    )
