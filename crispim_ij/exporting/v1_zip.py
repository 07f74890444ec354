"""The zip of a TensorFlow 1 SavedModel that CSBDeep's plugin loads."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.exporting.archive import write_archive
from crispim_ij.exporting.frozen import INPUT, OUTPUT

TAG, SIGNATURE = "serve", "serving_default"
MODEL_FILE, META_FILE = "saved_model.pb", "meta.json"


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
