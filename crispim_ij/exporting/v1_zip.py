"""The zip of a TensorFlow 1 SavedModel for CSBDeep's plugin: frozen, packed, run and checked."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.model_zip import META_FILE, opened_zip, read_entry

if TYPE_CHECKING:
    import keras

INPUT, OUTPUT = "input", "output"
"""Names of a frozen graph's first and last node."""

TAG, SIGNATURE = "serve", "serving_default"
MODEL_FILE = "saved_model.pb"
MOST_BYTES = 2**31 - 1
"""Largest file in a zip; protobuf has no larger messages."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o644

# fmt: off
OPERATIONS = frozenset([
    "AddV2", "AvgPool", "AvgPool3D", "BiasAdd", "Cast", "ConcatV2", "Const", "Conv2D",
    "Conv3D", "Enter", "Exit", "ExpandDims", "Expm1", "FloorMod", "GatherV2", "Identity", "Less",
    "Log1p", "LogicalAnd", "LoopCond", "Maximum", "MaxPool", "MaxPool3D", "Merge", "Minimum", "Mul",
    "Neg", "NextIteration", "Pack", "Pad", "Placeholder", "Range", "RealDiv", "Relu", "Reshape",
    "ResizeBilinear", "Shape", "Sqrt", "Squeeze", "StridedSlice", "Sub", "Switch",
    "TensorArrayGatherV3", "TensorArrayReadV3", "TensorArrayScatterV3", "TensorArrayV3",
    "TensorArrayWriteV3", "Tile", "Transpose",
])
# fmt: on
"""What our graphs are made of; nothing of it reaches files or the network."""


def freeze(network: keras.Model) -> Any:
    """Make a network of one input and one output a `GraphDef` of constants.

    It takes float32 counts of the network's shape, the batch included, at the node `INPUT` and
    gives them at `OUTPUT`. Nodes are ordered and named by what they compute, not by what Keras
    has built before in this process: so equal networks give equal graphs.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = tf.function(
        lambda counts: network(counts, training=False),
        input_signature=[tf.TensorSpec(network.inputs[0].shape, tf.float32)],
    ).get_concrete_function()
    constant = convert_variables_to_constants_v2(concrete)
    (given,), (result,) = constant.inputs, constant.outputs
    return _renamed(constant.graph.as_graph_def(), {given.op.name: INPUT, result.op.name: OUTPUT})


def _renamed(graph: Any, ends: dict[str, str]) -> Any:
    """Copy what the graph's output needs, in an order and with names that only its links fix."""
    nodes = {node.name: node for node in graph.node}
    names = dict(ends)
    seen: Counter[str] = Counter()
    copy = type(graph)(versions=graph.versions)
    for old in _order(nodes, list(ends)[-1]):
        kind = nodes[old].op
        if old not in names:
            names[old] = f"{kind}_{seen[kind]}"
            seen[kind] += 1
        node = copy.node.add(op=kind, name=names[old])
        for key, value in nodes[old].attr.items():
            node.attr[key].CopyFrom(value)
        for source in _inputs(nodes[old]):
            name, colon, port = source.partition(":")
            node.input.append(names[name] + colon + port)
    return copy


def _order(nodes: dict[str, Any], output: str) -> list[str]:
    """Names of the nodes that the output depends on, each after those it takes its input from."""
    order: dict[str, None] = {}
    pending = [output]
    while pending:
        sources = [source.partition(":")[0] for source in _inputs(nodes[pending[-1]])]
        waiting = [name for name in sources if name not in order]
        if waiting:
            pending.append(waiting[0])
        else:
            order[pending.pop()] = None
    return list(order)


def _inputs(node: Any) -> list[str]:
    """Tensors that a node takes; what else it waits for doesn't matter to a pure function."""
    return [source for source in node.input if not source.startswith("^")]


def write_zip(graph: Any, meta: dict[str, Any], path: Path, axis_1: int | None = None) -> None:
    """Write a `tf.Graph` that holds its weights, from `INPUT` to `OUTPUT`, and its description.

    `axis_1` is the length that the signature says of axis 1, whatever lengths the graph takes.
    Both files lie at the zip's root: the plugin makes only folders that have entries of
    their own. Attributes at their defaults are left out, some of which TensorFlow 1 doesn't know.
    """
    described = json.dumps(meta, indent=2, sort_keys=True) + "\n"
    write_archive(
        [(MODEL_FILE, _saved_model(graph, axis_1)), (META_FILE, described.encode())], path
    )


def write_archive(files: Iterable[tuple[str, bytes]], path: Path) -> None:
    """Zip files by name at the archive's root, without dates or owners: equal files, equal bytes.

    Nothing is compressed: weights hardly shrink.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, content)


def _saved_model(graph: Any, axis_1: int | None) -> bytes:
    """Serialise a SavedModel without variables."""
    from tensorflow.compat.v1 import Session, saved_model

    signature = saved_model.build_signature_def(
        {INPUT: _tensor_info(graph, INPUT, axis_1)},
        {OUTPUT: _tensor_info(graph, OUTPUT, axis_1)},
        saved_model.signature_constants.PREDICT_METHOD_NAME,
    )
    with tempfile.TemporaryDirectory() as scratch, Session(graph=graph) as session:
        folder = Path(scratch) / "model"
        builder = saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [TAG], {SIGNATURE: signature}, strip_default_attrs=True
        )
        builder.save()
        return (folder / MODEL_FILE).read_bytes()


def _tensor_info(graph: Any, node: str, axis_1: int | None) -> Any:
    """Describe a node's result, for a signature."""
    from tensorflow.compat.v1 import TensorInfo

    tensor = graph.get_tensor_by_name(f"{node}:0")
    shape = tensor.shape.as_proto()
    if axis_1 is not None:
        shape.dim[1].size = axis_1
    return TensorInfo(
        name=tensor.name,
        dtype=tensor.dtype.as_datatype_enum,
        tensor_shape=shape,
    )


def read_meta(path: Path) -> dict[str, Any]:
    """Return the description in a zip that `write_zip` wrote."""
    with zipfile.ZipFile(path) as archive:
        meta: dict[str, Any] = json.loads(archive.read(META_FILE))
    return meta


def run_zip(path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run what a zip serves on a batch of the network's shape."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        signature = tf.saved_model.load(folder, [TAG]).signatures[SIGNATURE]
    (given,), (wanted,) = signature.structured_input_signature[1], signature.structured_outputs
    result: NDArray[np.float32] = signature(**{given: tf.constant(batch)})[wanted].numpy()
    return result


def copy_checked(path: Path, target: Path) -> None:
    """Copy a zip from anywhere that computes and does nothing else, or refuse it.

    A graph is a program: TensorFlow has operations that read and write files. And what
    one program finds in a zip another may not: so it is rewritten. The copy of a zip that
    `write_zip` wrote is equal to it, byte by byte.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        files = _read_files(path)
        served = SavedModel.FromString(files[0][1])
    except (ValueError, DecodeError) as error:
        raise CrispimError(
            f"The model '{path}' can't be read ({error}): export it again with `crispim-ij export`."
        ) from error
    graphs = [meta_graph.graph_def for meta_graph in served.meta_graphs]
    found = {node.op for graph in graphs for node in graph.node}
    if found - OPERATIONS or any(graph.library.function for graph in graphs):
        more = ", ".join(sorted(found - OPERATIONS)) or "functions"
        raise CrispimError(
            f"The model '{path}' does more than a network of crispim-ij's does ({more}), so it is "
            "not run: take one that `crispim-ij export` wrote."
        )
    write_archive(files, target)


def _read_files(path: Path) -> list[tuple[str, bytes]]:
    """Return both files of a zip, which may hold no other; ValueError says what is wrong."""
    with opened_zip(path) as archive:
        if sorted(archive.namelist()) != sorted((MODEL_FILE, META_FILE)):
            raise ValueError(f"it holds other files than {MODEL_FILE} and {META_FILE}")
        return [(name, read_entry(archive, name, MOST_BYTES)) for name in (MODEL_FILE, META_FILE)]
