"""The zip of a TensorFlow 1 SavedModel that CSBDeep's plugin loads."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting.archive import write_archive
from crispim_ij.exporting.frozen import INPUT, OUTPUT

TAG, SIGNATURE = "serve", "serving_default"
MODEL_FILE, META_FILE = "saved_model.pb", "meta.json"
MOST_BYTES = 2**31 - 1
"""Largest file in a zip; protobuf has no larger messages."""

# fmt: off
OPERATIONS = frozenset([
    "AddV2", "AvgPool", "AvgPool3D", "BiasAdd", "Cast", "ConcatV2", "Const", "Conv2D",
    "Conv3D", "Enter", "Exit", "ExpandDims", "Expm1", "FloorMod", "GatherV2", "Identity", "Less",
    "Log1p", "LogicalAnd", "LoopCond", "Maximum", "MaxPool", "MaxPool3D", "Merge", "Minimum", "Mul",
    "Neg", "NextIteration", "Pack", "Placeholder", "Range", "RealDiv", "Relu", "Reshape",
    "ResizeBilinear", "Shape", "Sqrt", "Squeeze", "StridedSlice", "Sub", "Switch",
    "TensorArrayGatherV3", "TensorArrayReadV3", "TensorArrayScatterV3", "TensorArrayV3",
    "TensorArrayWriteV3", "Tile", "Transpose",
])
# fmt: on
"""What our graphs are made of; nothing of it reaches files or the network."""


def write_zip(graph: Any, meta: dict[str, Any], path: Path) -> None:
    """Write a graph and its description.

    Both files lie at the zip's root: the plugin makes only folders that have entries of
    their own. Equal graphs give equal bytes. Attributes at their defaults are left out,
    some of which TensorFlow 1 doesn't know.

    Parameters
    ----------
    graph : tensorflow.Graph
        Holds its weights, and a tensor each of the names `INPUT` and `OUTPUT`.
    meta : dict
        For `META_FILE`.
    path : Path
        Zip to write.
    """
    described = json.dumps(meta, indent=2, sort_keys=True) + "\n"
    write_archive([(MODEL_FILE, _saved_model(graph)), (META_FILE, described.encode())], path)


def _saved_model(graph: Any) -> bytes:
    """Serialise a SavedModel without variables."""
    from tensorflow.compat.v1 import Session, saved_model

    signature = saved_model.build_signature_def(
        {INPUT: _tensor_info(graph, INPUT)},
        {OUTPUT: _tensor_info(graph, OUTPUT)},
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


def _tensor_info(graph: Any, node: str) -> Any:
    """Describe a node's result, for a signature."""
    from tensorflow.compat.v1 import TensorInfo

    tensor = graph.get_tensor_by_name(f"{node}:0")
    return TensorInfo(
        name=tensor.name,
        dtype=tensor.dtype.as_datatype_enum,
        tensor_shape=tensor.shape.as_proto(),
    )


def read_meta(path: Path) -> dict[str, Any]:
    """Return the description in a zip that `write_zip` wrote."""
    with zipfile.ZipFile(path) as archive:
        meta: dict[str, Any] = json.loads(archive.read(META_FILE))
    return meta


def run_zip(path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run what a zip serves.

    Parameters
    ----------
    path : Path
        The zip.
    batch : ndarray of float32
        For the signature's input.

    Returns
    -------
    ndarray of float32
        The signature's output.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        signature = tf.saved_model.load(folder, [TAG]).signatures[SIGNATURE]
    (given,), (wanted,) = signature.structured_input_signature[1], signature.structured_outputs
    result: NDArray[np.float32] = signature(**{given: tf.constant(batch)})[wanted].numpy()
    return result


def copy_checked(path: Path, target: Path) -> None:
    """Copy a zip that computes and does nothing else.

    A graph is a program: TensorFlow has operations that read and write files. And what
    one program finds in a zip another may not: so it is written anew.

    Parameters
    ----------
    path : Path
        A zip from anywhere.
    target : Path
        Zip to write; equal to the other, byte by byte, where `write_zip` wrote that.

    Raises
    ------
    CrispimError
        If the zip holds something else than a graph that `write_zip` would write.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        files = _read_files(path)
        served = SavedModel.FromString(files[0][1])
    except (OSError, LookupError, RuntimeError, ValueError, zipfile.BadZipFile, DecodeError) as e:
        raise CrispimError(
            f"The model '{path}' can't be read ({e}): export it again with `crispim-ij export`."
        ) from e
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
    """Return both files of a zip, which may hold no other."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if sorted(names) != sorted((MODEL_FILE, META_FILE)):
            raise ValueError(f"it holds other files than {MODEL_FILE} and {META_FILE}")
        if max(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
            raise ValueError(f"a file in it is larger than {MOST_BYTES} bytes")
        return [(name, archive.read(name)) for name in (MODEL_FILE, META_FILE)]
