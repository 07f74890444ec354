"""Stands in, in Python, for pyimagej's gateway of a Fiji that has CSBDeep's plugin."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from crispim_ij.imagej.csbdeep import COMMAND

META = {
    "type": "crispim-ij paper-2d",
    "axes": "YXC",
    "axes_div_by": [4, 4, 1],
    "tile_overlap": [24, 24, 0],
}
INPUTS = {
    "input",
    "normalizeInput",
    "percentileBottom",
    "percentileTop",
    "clip",
    "nTiles",
    "blockMultiple",
    "overlap",
    "batchSize",
    "modelFile",
    "modelUrl",
    "showProgressDialog",
}
"""All inputs of the command in CSBDeep 0.6.0 but the services and the button."""


def write_zip(path: Path, **changed: object) -> Path:
    """Write a zip whose `meta.json` is as `crispim-ij export` writes it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model.pb", b"")
        archive.writestr("meta.json", json.dumps({**META, **changed}))
    return path


def plugin_tiles(
    sides: Sequence[int], wanted: int, multiple: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tiles along each side, and the px that they cover, as CSBDeep 0.6.0 divides an image.

    As long as there are fewer than wanted, the side whose tiles are longest gets one more;
    a tile's length is the side over the number of tiles, rounded down, and then up to a multiple.
    """
    counts = [1] * len(sides)

    def length(k: int) -> int:
        return -(-(sides[k] // counts[k]) // multiple) * multiple

    while np.prod(counts) < wanted:
        longest = max(range(len(sides)), key=length)
        if length(longest) <= multiple:
            break
        counts[longest] += 1
    return tuple(counts), tuple(length(k) * count for k, count in enumerate(counts))


class Preferences(dict[str, str]):
    """Java's stored preferences of the command."""

    def put(self, command: type, key: str, value: str) -> None:
        assert command is GenericNetwork
        self[key] = value

    def get(self, command: type, key: str) -> str | None:  # type: ignore[override]
        assert command is GenericNetwork
        return super().get(key)

    def remove(self, command: type, key: str) -> None:
        assert command is GenericNetwork
        self.pop(key, None)


class GenericNetwork:
    """The command's class."""


def add_1000(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what this network makes of an image."""
    return pixels + np.float32(1000)


class Fiji:
    """The gateway, and all of its services.

    Parameters
    ----------
    network : callable
        What the plugin computes.
    installed : bool
        Whether the plugin is there.
    """

    def __init__(
        self,
        network: Callable[[NDArray[np.float32]], NDArray[np.float32]] = add_1000,
        *,
        installed: bool = True,
    ) -> None:
        self.network = network
        self.installed = installed
        self.stored = Preferences()
        self.runs: list[dict[str, Any]] = []
        self.fails = False
        self.swaps = False
        self.shrinks = False

    @property
    def py(self) -> Fiji:
        return self

    def command(self) -> Fiji:
        return self

    def prefs(self) -> Preferences:
        return self.stored

    def getCommand(self, name: str) -> Fiji | None:  # noqa: N802 - Java's name
        return self if self.installed and name == COMMAND else None

    def loadClass(self) -> type:  # noqa: N802 - Java's name
        return GenericNetwork

    def jargs(self, *arguments: Any) -> tuple[Any, ...]:
        return arguments

    def to_dataset(self, image: xr.DataArray) -> xr.DataArray:
        assert image.dims == ("pln", "row", "col")[-image.ndim :]
        return image

    def from_java(self, image: xr.DataArray) -> xr.DataArray:
        if self.shrinks:
            image = image[1:]
        # pyimagej says which axis is which, and may leave in those of length 1.
        image = image.expand_dims("ch", image.ndim)
        return image.transpose("col", "row", ...) if self.swaps else image

    def run(self, name: str, process: bool, arguments: tuple[Any, ...]) -> Fiji:
        assert (name, process) == (COMMAND, True)
        inputs = dict(zip(arguments[::2], arguments[1::2], strict=True))
        # What is stored wins.
        inputs["modelFile"] = self.stored.get(GenericNetwork, "GenericNetwork_modelfile")
        self.runs.append(inputs)
        # SciJava stores what it is given, CSBDeep its model.
        self.stored.update({key: str(inputs[key]) for key in ("nTiles", "normalizeInput")})
        return self

    def get(self) -> Fiji:
        return self

    def getOutput(self, name: str) -> xr.DataArray | None:  # noqa: N802 - Java's name
        assert name == "output"
        if self.fails:
            from scyjava import jimport

            err = jimport("java.lang.System").err
            err.println("[INFO] Loading TensorFlow model")
            err.println(
                "java.lang.NoSuchMethodError: org.tensorflow.framework.MetaGraphDef.make()V"
            )
            err.println("\tat java.util.concurrent.FutureTask.report(FutureTask.java:122)")
            return None
        image: xr.DataArray = self.runs[-1]["input"]
        result = self.network(image.to_numpy())
        # One plane may come of several.
        return image[(0,) * (image.ndim - result.ndim)].copy(data=result)
