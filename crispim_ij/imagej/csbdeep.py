"""CSBDeep's 'Run your network' in a user's Fiji, headless, as a function from plane to plane."""

from __future__ import annotations

import hashlib
import html
import logging
import platform
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.gateway import start_fiji
from crispim_ij.imagej.installation import Installation, Runtime, check_fiji_home, read_installation
from crispim_ij.imagej.java import find_java
from crispim_ij.imagej.model_zip import ModelZip, PluginTiles, plan_tiles
from crispim_ij.imagej.tensorflow_java import SITES, refuse_library_loss, tensorflow_fault
from crispim_ij.noise import CameraNoise, restore, stabilise

logger = logging.getLogger(__name__)

COMMAND = "de.csbdresden.csbdeep.commands.GenericNetwork"
ARTIFACT = "csbdeep"
PREFERENCE = "GenericNetwork_modelfile"
"""Key under which the plugin stores the model file of its last run."""

_PREFERENCES = ".java/.userPrefs/de/csbdresden/csbdeep/commands/GenericNetwork/prefs.xml"
# What a graph holds whose weights are in files of their own.
_VARIABLES = (b"VarHandleOp", b"VariableV2")

# How a SavedModel begins: its version, 1, and the first part.
_SAVED_MODEL = b"\x08\x01\x12"

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
    """

    def __init__(
        self,
        ij: Any,
        model: ModelZip,
        tile: int,
        console: Console,
        unpacked: Path | None = None,
    ) -> None:
        """Find the plugin in pyimagej's `ij`; `console` catches what Java prints.

        `unpacked` is the folder in which an earlier run has left this model, if any.
        """
        self._unpacked = unpacked
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
        plane : ndarray, shape (Y, X), or (depth, Y, X) for a 3D network
            Raw counts, of any numeric type; of several planes that at ``depth // 2`` is
            denoised.
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
            If the plugin gives no result, or one of another size, or fails in Java.
        """
        import jpype

        try:
            return self._denoised(plane, noise)
        except jpype.JException as error:
            logger.debug("CSBDeep's plugin failed", exc_info=True)
            raise CrispimError(self._no_result(f"{type(error).__name__}: {error}")) from error

    def _denoised(self, plane: NDArray[Any], noise: CameraNoise | None) -> NDArray[np.float32]:
        """Denoise a plane, in units of its noise where the network is told that."""
        if noise is None:
            return self._through_network(plane)
        counts = plane.astype(np.float32)
        if noise.is_none:
            return counts if counts.ndim == 2 else counts[len(counts) // 2]
        return restore(self._through_network(stabilise(counts, noise)), noise)

    def _through_network(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Run the network on a plane or a mini-stack, in its own units."""
        import xarray as xr

        shape = plane.shape[-2], plane.shape[-1]
        tiles = plan_tiles(shape, self._model, self._tile)
        # Java looks at this array's own memory: it must outlive the run.
        dims = ("pln", "row", "col")[-plane.ndim :]
        extended = xr.DataArray(tiles.extend(plane), dims=dims, name="plane")
        output = self._run(self._ij.py.to_dataset(extended), tiles)
        image = self._ij.py.from_java(output).squeeze()
        kept = extended if self._model.gives_stacks else extended[(0,) * (plane.ndim - 2)]
        if dict(image.sizes) != dict(kept.sizes):
            raise CrispimError(
                f"The plugin gave an image of {dict(image.sizes)} for one of "
                f"{dict(extended.sizes)}: export the model '{self._model.path}' again."
            )
        result = tiles.crop(image.transpose(*kept.dims).to_numpy(), shape).astype(np.float32)
        return result[len(result) // 2] if self._model.gives_stacks else result

    def _run(self, image: Any, tiles: PluginTiles) -> Any:
        """Run the command on an image and return what it gives."""
        inputs = self._inputs(image, tiles)
        flat = [part for item in inputs.items() for part in item]
        # The stored model wins over the one that is passed.
        self._ij.prefs().put(self._command, PREFERENCE, str(self._model.path))
        with self._console() as console:
            module = self._ij.command().run(COMMAND, True, self._ij.py.jargs(*flat)).get()
            output = module.getOutput("output")
            printed = str(console.toString())
        logger.debug("CSBDeep printed: %s", printed)
        if output is None:
            found = _REASON.search(printed)
            raise CrispimError(self._no_result((found[1] or found[2]) if found else "no reason"))
        return output

    def _inputs(self, image: Any, tiles: PluginTiles) -> dict[str, Any]:
        """Return every input of the command."""
        return {
            "input": image,
            "modelFile": str(self._model.path),
            "nTiles": tiles.rows * tiles.columns,
            "blockMultiple": self._model.multiple,
            "overlap": self._model.overlap,
            **_FIXED,
        }

    def _no_result(self, reason: str) -> str:
        """Say why there is no result, as far as the plugin printed it, and what to do."""
        remedy = (
            f"delete the folder '{self._unpacked}', in case that copy of the model is damaged; "
            if self._unpacked
            else ""
        )
        return (
            f"CSBDeep's plugin gave no result for the model '{self._model.path}', and printed "
            f"{' '.join(reason.split()).rstrip('.')}: {remedy}`crispim-ij fiji doctor` says what "
            "is wrong with a Fiji, `crispim-ij denoise` needs none."
        )


def find_plugin(fiji_home: str) -> Installation:
    """Return a Fiji in which the plugin can run, or refuse it; nothing is started."""
    home = check_fiji_home(fiji_home)
    if not Path(home).is_dir():
        raise CrispimError(
            f"The Fiji {home} (--fiji-home or CRISPIM_FIJI) is no folder, and a Fiji from Maven "
            "has neither CSBDeep's plugin nor its TensorFlow: name the folder of your own Fiji."
        )
    machine = platform.machine()
    fiji = read_installation(Path(home), machine)
    if ARTIFACT not in fiji.jars:
        raise CrispimError(f"The Fiji {fiji.folder} has no plugin CSBDeep: {SITES}.")
    java = Runtime(find_java().version, machine)
    fault = tensorflow_fault(fiji, java)
    if fault is not None:
        raise CrispimError(
            f"TensorFlow can't load in the Fiji {fiji.folder}: {fault.what}; {fault.remedy}."
        )
    refuse_library_loss(fiji, java)
    return fiji


def start_plugin(fiji: Installation, heap: str | None, model: ModelZip, tile: int) -> CsbdeepPlugin:
    """Start a user's Fiji for CSBDeep's plugin, which is given tiles of `tile` px, without overlap.

    CrispimError if the plugin has unpacked this model before and not wholly, or the Fiji doesn't
    start.
    """
    unpacked = _check_unpacked(fiji.folder, model)
    ij = start_fiji(str(fiji.folder), heap)
    from crispim_ij.imagej.ij1 import caught_console

    return CsbdeepPlugin(ij, model, tile, caught_console, unpacked)


def _check_unpacked(fiji: Path, model: ModelZip) -> Path | None:
    """Return where the plugin has unpacked a model before; refuse one that isn't whole."""
    # The plugin's own name for it; nothing is kept safe by this hash.
    digest = hashlib.md5(model.path.read_bytes(), usedforsecurity=False).hexdigest()
    unpacked = fiji / "models" / f"GenericNetwork_{digest}"
    if unpacked.is_dir() and is_broken(unpacked):
        raise CrispimError(
            f"The model that CSBDeep's plugin unpacked into '{unpacked}' is not whole, and would "
            "fail again: delete that folder."
        )
    return unpacked if unpacked.is_dir() else None


def stored_model(home: Path, system: str = sys.platform) -> str | None:
    """Return the model file that the plugin takes in place of the one it is given, if any."""
    # Elsewhere Java keeps preferences out of the reach of other programs.
    if not system.startswith("linux"):
        return None
    try:
        text = (home / _PREFERENCES).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    entry = re.search(rf'<entry key="{PREFERENCE}" value="([^"]*)"', text)
    return html.unescape(entry[1]) if entry and entry[1] else None


def unpacked_models(fiji: Path) -> list[Path]:
    """Return the folders that the plugin has unpacked models into."""
    return sorted(path for path in (fiji / "models").glob("GenericNetwork_*") if path.is_dir())


def is_broken(unpacked: Path) -> bool:
    """Tell whether an unpacked model lacks some of its graph or its weights, for good."""
    try:
        graph = (unpacked / "saved_model.pb").read_bytes()
    except OSError:
        return True
    if _is_cut(graph):
        return True
    has_variables = any(name in graph for name in _VARIABLES)
    return has_variables and not (unpacked / "variables" / "variables.index").is_file()


def _is_cut(graph: bytes) -> bool:
    """Tell whether a SavedModel ends before its parts do."""
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError

    if len(graph) < len(_SAVED_MODEL):
        return True
    if not graph.startswith(_SAVED_MODEL):
        return False
    try:
        # To a message without fields all are unknown, which have lengths all the same.
        Empty.FromString(graph)
    except DecodeError:
        return True
    return False
