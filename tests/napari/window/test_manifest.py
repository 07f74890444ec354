"""What napari is told of the plugin."""

from __future__ import annotations

import sys
from importlib.metadata import distribution
from importlib.resources import files
from typing import Any

import numpy as np
from npe2 import PluginManifest

from crispim_ij.napari.sample import NOISE_SD
from crispim_ij.napari.widget import DenoiseWidget
from crispim_ij.noise import measure_noise
from crispim_ij.planes.arrays import ArraySource


def test_napari_finds_the_manifest() -> None:
    (entry,) = distribution("crispim-ij").entry_points.select(group="napari.manifest")
    assert entry.value == "crispim_ij.napari:napari.yaml"


def test_the_widget_and_the_phantom_open_from_the_menus(
    make_napari_viewer: Any, npe2pm: Any
) -> None:
    manifest = PluginManifest.from_file(str(files("crispim_ij.napari") / "napari.yaml"))
    npe2pm.register(manifest)
    viewer = make_napari_viewer()
    viewer.open_sample("crispim-ij", "phantom")
    (layer,) = viewer.layers
    assert layer.data.shape == (16, 400, 500)
    assert layer.data.dtype == np.uint16
    assert abs(measure_noise(ArraySource(layer.data[8:9]))[0].at(0.5)[0] - NOISE_SD) < 2
    assert tuple(layer.scale) == (2.0, 1.8, 1.8)
    assert layer.axis_labels == ("z", "y", "x")
    _, widget = viewer.window.add_plugin_dock_widget("crispim-ij", "Denoise")
    assert isinstance(widget, DenoiseWidget)
    assert "tensorflow" not in sys.modules
    assert widget[0][0][1].value is layer
