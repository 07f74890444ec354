"""CSBDeep's 'Run your network' in a user's Fiji, headless, as a function from plane to plane."""

from __future__ import annotations

import hashlib
import logging
import platform
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.fiji import check_fiji_home, start_pyimagej
from crispim_ij.imagej.installation import Installation, Runtime, read_installation
from crispim_ij.imagej.java import find_java, refuse_running_java
from crispim_ij.imagej.model_zip import Blocks, ModelZip, plan_blocks
from crispim_ij.imagej.plugin_traces import PREFERENCE, is_broken
from crispim_ij.imagej.tensorflow_java import SITES, tensorflow_fault
from crispim_ij.noise import CameraNoise, restore, stabilise

logger = logging.getLogger(__name__)

COMMAND = "de.csbdresden.csbdeep.commands.GenericNetwork"
ARTIFACT = "csbdeep"

# What goes in is scaled already, if at all; percentiles count for nothing without normalisation.
_FIXED = {
    "normalizeInput": False,
    "percentileBottom": 3.0,
    "percentileTop": 99.8,
    "clip": False,
    "batchSize": 1,
    "modelUrl": "",
    "showProgressDialog": False,
}
_STORED = (*_FIXED, "nTiles", "blockMultiple", "overlap", PREFERENCE)
_REASON = re.compile(r"^(?:\[ERROR\] (.+)|([\w.$]+(?:Exception|Error)\b.*))$", re.MULTILINE)

Console = Callable[[], AbstractContextManager[Any]]


class CsbdeepPlugin:
    """The plugin with a model; used in a `with` statement, called plane by plane.

    The plugin reads what it isn't given from Java's stored preferences, and stores what
    it is given: so every input is passed, and at the end the user's own are put back.

    Parameters
    ----------
    ij : net.imagej.ImageJ
        pyimagej's gateway.
    model : ModelZip
        The network.
    tile : int
        Longest side, in px, that the network is given at once, without overlap.
    console : callable
        Gives a context manager that catches what Java prints, as `ij1.caught_console` does.

    Raises
    ------
    CrispimError
        If the Fiji has no such plugin.
    """

    def __init__(self, ij: Any, model: ModelZip, tile: int, console: Console) -> None:
        self._ij = ij
        self._model = model
        self._tile = tile
        self._console = console
        info = ij.command().getCommand(COMMAND)
        if info is None:
            raise CrispimError(
                f"This Fiji has no 'Run your network' of CSBDeep ({COMMAND}): {SITES}."
            )
        self._command = info.loadClass()
        self._stored: dict[str, str | None] = {}

    def __enter__(self) -> CsbdeepPlugin:
        self._stored = {key: self._ij.prefs().get(self._command, key) for key in _STORED}
        return self

    def __exit__(self, *error: object) -> None:
        for key, value in self._stored.items():
            if value is None:
                self._ij.prefs().remove(self._command, key)
            else:
                self._ij.prefs().put(self._command, key, str(value))

    def __call__(
        self, plane: NDArray[Any], noise: CameraNoise | None = None
    ) -> NDArray[np.float32]:
        """Denoise one plane.

        Parameters
        ----------
        plane : ndarray, shape (Y, X)
            Raw counts, of any numeric type.
        noise : CameraNoise or None
            Their noise, for a network that takes values whose noise has an sd of 1; None for
            one that takes counts.

        Returns
        -------
        ndarray of float32, shape (Y, X)
            Counts, not rounded and not clipped.

        Raises
        ------
        CrispimError
            If the plugin gives no result, or one of another size.
        """
        if noise is None:
            return self._through_network(plane)
        counts = plane.astype(np.float32)
        if noise.is_none:
            return counts
        return restore(self._through_network(stabilise(counts, noise)), noise)

    def _through_network(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Run the network on a plane, in its own units."""
        import xarray as xr

        blocks = plan_blocks((plane.shape[0], plane.shape[1]), self._model, self._tile)
        # Java looks at this array's own memory: it must outlive the run.
        extended = xr.DataArray(blocks.extend(plane), dims=("row", "col"), name="plane")
        output = self._run(self._ij.py.to_dataset(extended), blocks)
        image = self._ij.py.from_java(output).squeeze()
        if dict(image.sizes) != dict(extended.sizes):
            raise CrispimError(
                f"The plugin gave an image of {dict(image.sizes)} for one of "
                f"{dict(extended.sizes)}: export the model '{self._model.path}' again."
            )
        result = image.transpose(*extended.dims).to_numpy()
        return blocks.crop(result, plane.shape).astype(np.float32)

    def _run(self, image: Any, blocks: Blocks) -> Any:
        """Run the command on an image and return what it gives."""
        inputs = self._inputs(image, blocks)
        flat = [part for item in inputs.items() for part in item]
        # The stored model wins over the one that is passed.
        self._ij.prefs().put(self._command, PREFERENCE, str(self._model.path))
        with self._console() as console:
            module = self._ij.command().run(COMMAND, True, self._ij.py.jargs(*flat)).get()
            output = module.getOutput("output")
            printed = str(console.toString())
        logger.debug("CSBDeep printed: %s", printed)
        if output is None:
            raise CrispimError(self._no_result(printed))
        return output

    def _inputs(self, image: Any, blocks: Blocks) -> dict[str, Any]:
        """Return every input of the command."""
        return {
            "input": image,
            "modelFile": str(self._model.path),
            "nTiles": blocks.rows * blocks.columns,
            "blockMultiple": self._model.multiple,
            "overlap": self._model.overlap,
            **_FIXED,
        }

    def _no_result(self, printed: str) -> str:
        """Say why there is no result, as far as the plugin printed it."""
        found = _REASON.search(printed)
        reason = " ".join((found[1] or found[2]).split()).rstrip(".") if found else "no reason"
        return (
            f"CSBDeep's plugin gave no result for the model '{self._model.path}', and printed "
            f"{reason}: `crispim-ij fiji doctor` says what is wrong with a Fiji, "
            "`crispim-ij denoise` needs none."
        )


def find_plugin(fiji_home: str) -> Installation:
    """Find the plugin in a Fiji, and refuse one where it can't run; nothing is started.

    Parameters
    ----------
    fiji_home : str
        Folder of the Fiji.

    Returns
    -------
    Installation
        What lies in it.

    Raises
    ------
    CrispimError
        If the folder is no Fiji, the plugin is missing, or its TensorFlow can't load.
    """
    home = check_fiji_home(fiji_home)
    if not Path(home).is_dir():
        raise CrispimError(
            f"The Fiji {home} (--fiji-home or CRISPIM_FIJI) is no folder, and a Fiji from Maven "
            "has neither CSBDeep's plugin nor its TensorFlow: name the folder of your own Fiji."
        )
    machine = platform.machine()
    fiji = read_installation(Path(home), machine)
    check_plugin(fiji, Runtime(find_java().version, machine))
    return fiji


def start_plugin(fiji: Installation, heap: str | None, model: ModelZip, tile: int) -> CsbdeepPlugin:
    """Start a user's Fiji for CSBDeep's plugin.

    Parameters
    ----------
    fiji : Installation
        What `find_plugin` returned.
    heap : str or None
        Largest Java heap, for example ``2g``.
    model : ModelZip
        The network.
    tile : int
        Longest side, in px, that the network is given at once, without overlap.

    Returns
    -------
    CsbdeepPlugin
        The plugin.

    Raises
    ------
    CrispimError
        If the plugin has unpacked this model before and not wholly, or if the Fiji does
        not start.
    """
    refuse_running_java()
    _check_unpacked(fiji.folder, model)
    # Without it imagej-tensorflow would look for the library in vain, and delete it.
    options = [f"-Djava.library.path={fiji.native.folder}"] if fiji.native else []
    ij = start_pyimagej(str(fiji.folder), heap, options)
    from crispim_ij.imagej.ij1 import caught_console

    return CsbdeepPlugin(ij, model, tile, caught_console)


def check_plugin(fiji: Installation, java: Runtime) -> None:
    """Refuse a Fiji whose plugin can't run; nothing is started.

    Parameters
    ----------
    fiji : Installation
        What lies in the Fiji's folder.
    java : Runtime
        The Java that it would run under.

    Raises
    ------
    CrispimError
        If the plugin is missing, or its TensorFlow can't load.
    """
    if ARTIFACT not in fiji.jars:
        raise CrispimError(f"The Fiji {fiji.folder} has no plugin CSBDeep: {SITES}.")
    fault = tensorflow_fault(fiji, java)
    if fault is not None:
        raise CrispimError(
            f"TensorFlow can't load in the Fiji {fiji.folder}: {fault.what}; {fault.remedy}."
        )


def _check_unpacked(fiji: Path, model: ModelZip) -> None:
    """Refuse a model that the plugin has unpacked before, and not wholly."""
    # The plugin's own name for it; nothing is kept safe by this hash.
    digest = hashlib.md5(model.path.read_bytes(), usedforsecurity=False).hexdigest()
    unpacked = fiji / "models" / f"GenericNetwork_{digest}"
    if unpacked.is_dir() and is_broken(unpacked):
        raise CrispimError(
            f"The model that CSBDeep's plugin unpacked into '{unpacked}' is not whole, and would "
            "fail again: delete that folder."
        )
