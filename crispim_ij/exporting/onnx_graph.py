"""ONNX, for ONNX Runtime and what is built on it.

The graph is put together from the network's layers. tf2onnx would do it too, but numbers its
nodes differently at each export and makes three times as many of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import crispim_ij
from crispim_ij.errors import CrispimError
from crispim_ij.exporting.frozen import INPUT, OUTPUT
from crispim_ij.exporting.onnx_layers import Nodes, channels_first, channels_last, translate
from crispim_ij.exporting.units import COUNTS, Units

if TYPE_CHECKING:
    import keras

    from crispim_ij.models import Model, ModelSpec

OPSET, IR_VERSION = 15, 8
"""Those of ONNX 1.10 (2021), which every ONNX Runtime from 1.10 on takes."""


@contextmanager
def export_extra() -> Iterator[None]:
    """Turn the lack of a package that only exporting needs into one sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise CrispimError(
            f"this format needs the Python package {error.name!r}, which isn't installed: "
            'run `pip install "crispim-ij[export]"`.'
        ) from error


def write(model: Model, path: Path) -> None:
    """Write the file.

    Equal models give equal bytes.

    Parameters
    ----------
    model : Model
        The model.
    path : Path
        File to write.

    Raises
    ------
    CrispimError
        If the package onnx isn't installed.
    """
    with export_extra():
        import onnx

    network = onnx_model(model.network(), model.spec, Units.of(model))
    onnx.checker.check_model(network, full_check=True)
    path.write_bytes(network.SerializeToString(deterministic=True))


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a file that `write` wrote in ONNX Runtime.

    Parameters
    ----------
    path : Path
        The file.
    counts : ndarray of float32, shape (Y, X) or (depth, Y, X)
        A plane, or a mini-stack for a 3D model; sides are multiples of the stride.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Counts.

    Raises
    ------
    CrispimError
        If the package onnxruntime isn't installed.
    """
    with export_extra():
        import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (batch,) = session.run([OUTPUT], {INPUT: counts[np.newaxis, ..., np.newaxis]})
    result: NDArray[np.float32] = batch[0, ..., 0]
    return result


def onnx_model(network: keras.Model, spec: ModelSpec, units: Units = COUNTS) -> Any:
    """Put the graph of a network together.

    Parameters
    ----------
    network : keras.Model
        A functional model with one input and one output, channels last.
    spec : ModelSpec
        Its description.
    units : Units
        What it takes and gives.

    Returns
    -------
    onnx.ModelProto
        Float32 in and out, in the shapes and axes of the network; batch, Y and X
        are free.
    """
    from onnx import helper

    nodes = Nodes()
    start, end = network.inputs[0], network.outputs[0]
    result = _translated(nodes, network, channels_first(nodes, INPUT, len(start.shape)))
    channels_last(nodes, result, len(end.shape))
    nodes.nodes[-1].output[0] = OUTPUT
    graph = helper.make_graph(
        nodes.nodes,
        spec.architecture,
        [_described(INPUT, start.shape)],
        [_described(OUTPUT, end.shape)],
        nodes.weights,
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="crispim-ij",
        producer_version=crispim_ij.__version__,
        doc_string=(
            f"Denoises light-sheet planes: {units.says}. Sides must be multiples "
            "of the stride. Tiles are exact when they start on multiples of the stride and "
            "overlap by the halo on each side."
        ),
    )
    facts = {"name": spec.name, "stride": str(spec.stride), "halo": str(spec.halo)}
    helper.set_model_props(made, {**facts, **units.facts})
    return made


def _translated(nodes: Nodes, network: keras.Model, image: str) -> str:
    """Append every operation of a network to what gives its input; return its output's name."""
    names = {id(network.inputs[0]): image}
    for operation in network.operations:
        node = operation._inbound_nodes[0]
        if node.is_input:
            continue
        inputs = [
            names[id(value)] if id(value) in names else nodes.constant(value, np.float32)
            for value in _operands(node)
        ]
        # A network within the network brings operations of its own.
        is_network = hasattr(operation, "operations")
        names[id(node.output_tensors[0])] = (
            _translated(nodes, operation, *inputs)
            if is_network
            else translate(nodes, operation, inputs)
        )
    return names[id(network.outputs[0])]


def _operands(node: Any) -> list[Any]:
    """Tensors and numbers that an operation was called with.

    `Concatenate` takes a list; what `GetItem` takes out, a tuple, is no operand.
    """
    values = node.arguments.args
    if isinstance(values[0], list):
        return list(values[0])
    return [value for value in values if not isinstance(value, tuple)]


def _described(name: str, shape: tuple[int | None, ...]) -> Any:
    """Name a tensor's free axes: the batch, and Y and X, the last two before the channels."""
    from onnx import TensorProto, helper

    names = ["batch", *[None] * (len(shape) - 4), "y", "x", None]
    sides = [free if side is None else side for side, free in zip(shape, names, strict=True)]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)
