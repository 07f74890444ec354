"""Run `CsbdeepPlugin` with SciJava's own command service and the command beside this file.

Arguments: class path, model zip, longest side of a tile, planes (.npy), results (.npy), what is
stored before (JSON). Prints what is stored afterwards, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jpype
import numpy as np
import scyjava
import xarray as xr

from crispim_ij.imagej.csbdeep import COMMAND, CsbdeepPlugin
from crispim_ij.imagej.ij1 import caught_console
from crispim_ij.imagej.java import use_java
from crispim_ij.imagej.model_zip import read_model_zip


class Conversions:
    """Stands in for pyimagej's `ij.py`."""

    def jargs(self, *arguments: Any) -> Any:
        return jpype.JArray(jpype.JObject)([scyjava.to_java(each) for each in arguments])

    def to_dataset(self, image: xr.DataArray) -> Any:
        return jpype.JArray(jpype.JFloat)(np.append(np.float32(image.shape), image.to_numpy()))

    def from_java(self, image: Any) -> xr.DataArray:
        rows, columns = int(image[0]), int(image[1])
        return xr.DataArray(
            np.array(image)[2:].reshape(1, rows, columns), dims=("pln", "row", "col")
        )


class Gateway:
    """Stands in for pyimagej's gateway; the services are SciJava's own."""

    def __init__(self) -> None:
        self.context = scyjava.jimport("org.scijava.Context")(False)
        self.py = Conversions()

    def command(self) -> Any:
        return self.context.service("org.scijava.command.CommandService")

    def prefs(self) -> Any:
        return self.context.service("org.scijava.prefs.PrefService")


def main(class_path: str, model: str, tile: str, given: str, results: str, before: str) -> None:
    use_java()
    scyjava.config.endpoints.clear()
    scyjava.config.add_classpath(*class_path.split(":"))
    scyjava.config.enable_headless_mode()
    scyjava.start_jvm()
    ij = Gateway()
    command = ij.command().getCommand(COMMAND).loadClass()
    stored = json.loads(before)
    for key, value in stored.items():
        ij.prefs().put(command, key, value)
    with CsbdeepPlugin(ij, read_model_zip(Path(model)), int(tile), caught_console) as plugin:
        np.save(results, np.stack([plugin(plane) for plane in np.load(given)]))
    keys = ("nTiles", "overlap", "normalizeInput", "GenericNetwork_modelfile")
    after = {key: ij.prefs().get(command, key) for key in keys}
    print(json.dumps({key: value and str(value) for key, value in after.items()}))
    ij.context.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
