"""Read networks of the paper's family from files that Keras 2 wrote.

Keras 3 refuses these files, but what matters in them is plain JSON and HDF5: the list
of layers and their weights. Nothing in them is executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.models.folder import Model, save_model
from crispim_ij.models.weights import (
    ARCHIVED,
    READ_FAULTS,
    opened_hdf5,
    read_bytes,
    read_member,
    reason,
)
from crispim_ij.networks import build

if TYPE_CHECKING:
    import h5py

SETTINGS = (
    "filters",
    "kernel_size",
    "strides",
    "dilation_rate",
    "padding",
    "activation",
    "use_bias",
    "pool_size",
    "size",
    "interpolation",
)
"""Settings of a layer that change what it computes."""


@dataclass(frozen=True)
class _Layer:
    """What a layer computes: its class, its settings, and the layers it takes its input from."""

    kind: str
    name: str
    settings: dict[str, Any]
    sources: tuple[int, ...]

    def same_as(self, other: _Layer) -> bool:
        return (
            self.kind == other.kind
            and all(
                self.settings[key] == other.settings[key]
                for key in self.settings.keys() & other.settings.keys()
            )
            and self.sources == other.sources
        )

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.kind}({settings}) after layer {' and '.join(map(str, self.sources))}"


def import_model(path: Path, folder: Path) -> Model:
    """Turn a Keras 2 file of the paper's family into a model folder.

    Parameters
    ----------
    path : Path
        A `.keras` or `.h5` file that holds a whole model.
    folder : Path
        Model folder to write.

    Returns
    -------
    Model
        The folder just written.

    Raises
    ------
    CrispimError
        If the file can't be read, or holds another network.
    """
    with _faults(path):
        content = read_bytes(path)
        entries, weights = _read(content)
        found = _layers(entries)
    architecture = "paper-3d" if any(layer.kind == "Conv3D" for layer in found) else "paper-2d"
    network = build(architecture)
    _check_same(path, found, _layers(network.get_config()["layers"]), architecture)
    with _faults(path):
        network.set_weights(weights)
    provenance = {"imported_from": path.name, "sha256": hashlib.sha256(content).hexdigest()}
    return save_model(network, architecture, folder, provenance)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Say in one sentence why a file can't be read."""
    try:
        yield
    except FileNotFoundError:
        raise CrispimError(f"{path} doesn't exist; check the path.") from None
    except READ_FAULTS as error:
        raise CrispimError(
            f"{path} can't be read as a Keras model ({reason(error)}); "
            "give a .keras or .h5 file that holds a whole model, not its weights alone."
        ) from error


def _read(content: bytes) -> tuple[list[Any], list[NDArray[np.float32]]]:
    """Read the entries of all layers, and all weights in their order."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _read_archive(content)
    with opened_hdf5(content) as file:
        return _read_hdf5(file)


def _read_archive(content: bytes) -> tuple[list[Any], list[NDArray[np.float32]]]:
    """Read a `.keras` file: a zip of `config.json` and `model.weights.h5`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        config, weights = (read_member(archive, name) for name in ("config.json", ARCHIVED))
    entries = json.loads(config)["config"]["layers"]
    with opened_hdf5(weights) as file:
        groups = file["layers" if "layers" in file else "_layer_checkpoint_dependencies"]
        return entries, [np.asarray(w) for group in _groups(groups, entries) for w in group]


def _groups(parent: h5py.Group, entries: list[Any]) -> Iterator[list[h5py.Dataset]]:
    """Yield each convolution's datasets; its group is named by class and number in order."""
    seen: Counter[str] = Counter()
    for entry in entries:
        stem = entry["class_name"].lower()
        if stem.startswith("conv"):
            number = seen[stem]
            stored = parent[f"{stem}_{number}/vars" if number else f"{stem}/vars"]
            yield [stored[key] for key in sorted(stored, key=int)]
            seen[stem] += 1


def _read_hdf5(file: h5py.File) -> tuple[list[Any], list[NDArray[np.float32]]]:
    """Read an `.h5` file: layers in an attribute, weights in groups by the layer's name."""
    entries = json.loads(file.attrs["model_config"])["config"]["layers"]
    groups = [file["model_weights"][entry["config"]["name"]] for entry in entries]
    return entries, [
        np.asarray(group[name]) for group in groups for name in group.attrs["weight_names"]
    ]


def _layers(entries: list[Any]) -> list[_Layer]:
    """Describe all layers; reshaping ones, which compute nothing, are left out."""
    working = [entry for entry in entries if entry["class_name"] not in ("Reshape", "Squeeze")]
    order = {entry["config"]["name"]: number for number, entry in enumerate(working)}
    return [
        _Layer(
            kind=entry["class_name"],
            name=entry["config"]["name"],
            settings={
                key: tuple(value) if isinstance(value, list) else value
                for key, value in entry["config"].items()
                if key in SETTINGS
            },
            sources=tuple(order[name] for name in _source_names(entry["inbound_nodes"])),
        )
        for entry in working
    ]


def _source_names(nodes: Any) -> list[str]:
    """Names of the layers that feed a layer, as Keras 2 or Keras 3 notes them."""
    if isinstance(nodes, dict):
        history = nodes.get("config", {}).get("keras_history")
        return [history[0]] if history else _source_names(nodes.get("args", []))
    if isinstance(nodes, list | tuple):
        if len(nodes) == 4 and isinstance(nodes[0], str):
            return [nodes[0]]
        return [name for node in nodes for name in _source_names(node)]
    return []


def _check_same(path: Path, found: list[_Layer], wanted: list[_Layer], architecture: str) -> None:
    """Refuse a file whose layers aren't the architecture's, naming the first that differs."""
    for number, (theirs, ours) in enumerate(zip(found, wanted, strict=False)):
        if not theirs.same_as(ours):
            raise CrispimError(
                f"{path} isn't a {architecture} network: its layer {number}, {theirs.name!r}, is "
                f"{theirs}, not {ours}; only the paper's own networks can be imported."
            )
    if len(found) != len(wanted):
        raise CrispimError(
            f"{path} isn't a {architecture} network: it has {len(found)} layers, not "
            f"{len(wanted)}; only the paper's own networks can be imported."
        )
