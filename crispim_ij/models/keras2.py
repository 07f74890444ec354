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
    DamagedFileError,
    hdf5_faults,
    opened_hdf5,
    read_bytes,
    read_members,
    read_numbers,
    reason,
)
from crispim_ij.networks import build

if TYPE_CHECKING:
    import h5py
    import keras

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

    The `.keras` or `.h5` file holds a whole model; CrispimError if it can't be read, or holds
    another network.
    """
    with _faults(path):
        content = read_bytes(path)
        entries, weights = _read(content)
        found = _layers(entries)
    architecture = "paper-3d" if any(layer.kind == "Conv3D" for layer in found) else "paper-2d"
    network = build(architecture)
    _check_same(path, found, _layers(network.get_config()["layers"]), architecture)
    with _faults(path):
        _set_weights(network, weights)
    provenance = {"imported_from": path.name, "sha256": hashlib.sha256(content).hexdigest()}
    return save_model(network, architecture, folder, provenance)


def _set_weights(network: keras.Model, weights: list[NDArray[np.float32]]) -> None:
    try:
        network.set_weights(weights)
    except ValueError as error:
        raise DamagedFileError(reason(error)) from error


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Say in one sentence why a file can't be read."""
    try:
        yield
    except FileNotFoundError:
        raise CrispimError(f"{path} doesn't exist; check the path.") from None
    except (OSError, DamagedFileError) as error:
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
    config, weights = read_members(content, "config.json", ARCHIVED)
    entries = _entries(config)
    with opened_hdf5(weights) as file:
        with hdf5_faults():
            name = "layers" if "layers" in file else "_layer_checkpoint_dependencies"
        layers = _group(file, name)
        groups = [_group(layers, f"{stem}/vars") for stem in _convolutions(entries)]
        return entries, [read_numbers(group, key) for group in groups for key in _numbered(group)]


def _convolutions(entries: list[Any]) -> Iterator[str]:
    """Yield the name that each convolution has in the file: its class and number in order."""
    seen: Counter[str] = Counter()
    for entry in entries:
        stem = entry["class_name"].lower()
        if stem.startswith("conv"):
            yield f"{stem}_{seen[stem]}" if seen[stem] else stem
            seen[stem] += 1


def _numbered(group: h5py.Group) -> list[str]:
    """Return the names in a group, which are numbers, in their order."""
    with hdf5_faults():
        return sorted(group, key=int)


def _read_hdf5(file: h5py.File) -> tuple[list[Any], list[NDArray[np.float32]]]:
    """Read an `.h5` file: layers in an attribute, weights in groups by the layer's name."""
    with hdf5_faults():
        config = file.attrs["model_config"]
    entries = _entries(config)
    parent = _group(file, "model_weights")
    groups = [_group(parent, entry["config"]["name"]) for entry in entries]
    return entries, [read_numbers(group, name) for group in groups for name in _names(group)]


def _names(group: h5py.Group) -> list[str]:
    """Return what an `.h5` file names as the weights of a layer."""
    with hdf5_faults():
        names = np.ravel(group.attrs["weight_names"]).tolist()
    if not all(isinstance(name, str | bytes) for name in names):
        raise DamagedFileError(f"{group.name!r} in it has weights without names")
    return [name.decode(errors="replace") if isinstance(name, bytes) else name for name in names]


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    import h5py

    with hdf5_faults():
        found = parent[name]
    if not isinstance(found, h5py.Group):
        raise DamagedFileError(f"{name!r} in it is no group of weights")
    return found


def _entries(config: Any) -> list[Any]:
    """Return what a model's config, in JSON, lists as its layers."""
    if not isinstance(config, str | bytes):
        raise DamagedFileError("its config is no text")
    try:
        model = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(reason(error)) from error
    inner = model.get("config") if isinstance(model, dict) else None
    entries = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(entries, list) or not all(map(_is_layer, entries)):
        raise DamagedFileError("its config lists no layers, or some without a class or a name")
    return entries


def _is_layer(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        return False
    names = (entry.get("class_name"), entry["config"].get("name"))
    return all(isinstance(name, str) for name in names)


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
            sources=tuple(
                _number_of(name, order) for name in _source_names(entry.get("inbound_nodes"))
            ),
        )
        for entry in working
    ]


def _number_of(name: str, order: dict[str, int]) -> int:
    if name not in order:
        raise DamagedFileError(f"its config names {name!r} as an input, which is no layer of it")
    return order[name]


def _source_names(nodes: Any) -> list[str]:
    """Names of the layers that feed a layer, as Keras 2 or Keras 3 notes them."""
    names: list[str] = []
    waiting = [nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            config = node.get("config")
            history = config.get("keras_history") if isinstance(config, dict) else None
            if isinstance(history, list | tuple) and history and isinstance(history[0], str):
                names.append(history[0])
            else:
                waiting.append(node.get("args"))
        elif isinstance(node, list | tuple):
            if len(node) == 4 and isinstance(node[0], str):
                names.append(node[0])
            else:
                waiting.extend(reversed(node))
    return names


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
