"""ONNX, for ONNX Runtime and what is built on it.

The graph is put together from the network's layers, channels first. tf2onnx would do it too, but
numbers its nodes differently at each export and makes three times as many of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import crispim_ij
from crispim_ij.errors import CrispimError
from crispim_ij.exporting.units import COUNTS, Units
from crispim_ij.exporting.v1_zip import INPUT, OUTPUT

if TYPE_CHECKING:
    import keras

    from crispim_ij.models import Model, ModelSpec

OPSET, IR_VERSION = 15, 8
"""Those of ONNX 1.10 (2021), which every ONNX Runtime from 1.10 on takes."""

_TO_THE_END = np.iinfo(np.int64).max
_ACTIVATIONS = {"linear": None, "relu": "Relu"}
_RESIZING = {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
}


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
    """Write the file; equal models give equal bytes."""
    with export_extra():
        import onnx

    network = onnx_model(model.network(), model.spec, Units.of(model))
    onnx.checker.check_model(network, full_check=True)
    path.write_bytes(network.SerializeToString(deterministic=True))


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run it in ONNX Runtime on a plane, or on a mini-stack for a 3D model."""
    with export_extra():
        import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (batch,) = session.run([OUTPUT], {INPUT: counts[np.newaxis, ..., np.newaxis]})
    result: NDArray[np.float32] = batch[0, ..., 0]
    return result


def onnx_model(network: keras.Model, spec: ModelSpec, units: Units = COUNTS) -> Any:
    """Put the `ModelProto` of a functional network of one input and one output together.

    It takes and gives float32 in the shapes and axes of the network; batch, Y and X are free.
    """
    from onnx import helper

    nodes = _Nodes()
    start, end = network.inputs[0], network.outputs[0]
    result = _translated(nodes, network, _channels_first(nodes, INPUT, len(start.shape)))
    _channels_last(nodes, result, len(end.shape))
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


def _translated(nodes: _Nodes, network: keras.Model, image: str) -> str:
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
            else _translate(nodes, operation, inputs)
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


@dataclass
class _Nodes:
    """Nodes and constants of a graph so far, each after those it takes its input from."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node of an ONNX operator and return the name of its result."""
        from onnx import helper

        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, values: Any, dtype: type[np.generic]) -> str:
        """Append a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.weights)}"
        array = np.ascontiguousarray(values, dtype)
        self.weights.append(numpy_helper.from_array(array, name))
        return name


def _translate(nodes: _Nodes, operation: Any, inputs: list[str]) -> str:
    """Append what computes one Keras operation; NotImplementedError where no network has it."""
    # A layer of our own is one of Keras' that says how it is computed.
    kinds = [kind.__name__ for kind in type(operation).__mro__]
    known = [kind for kind in kinds if kind in _TRANSLATORS]
    if not known:
        raise NotImplementedError(f"the Keras operation {kinds[0]} has no ONNX form here")
    return _TRANSLATORS[known[0]](nodes, operation, inputs)


def _channels_first(nodes: _Nodes, image: str, rank: int) -> str:
    """Bring (batch, ..., channel) into the order (batch, channel, ...)."""
    return nodes.add("Transpose", [image], perm=[0, rank - 1, *range(1, rank - 1)])


def _channels_last(nodes: _Nodes, image: str, rank: int) -> None:
    """Bring (batch, channel, ...) into the order (batch, ..., channel)."""
    nodes.add("Transpose", [image], perm=[0, *range(2, rank), 1])


def _convolution(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
    if {*layer.dilation_rate, layer.groups} != {1}:
        raise NotImplementedError(f"{layer.name}: dilated or grouped convolution")
    kernel, bias = layer.get_weights()
    weights = [nodes.constant(_filters_first(kernel), np.float32), nodes.constant(bias, np.float32)]
    result = nodes.add(
        "Conv",
        [*inputs, *weights],
        kernel_shape=layer.kernel_size,
        pads=_pads(layer, layer.kernel_size),
        **({"strides": layer.strides} if set(layer.strides) != {1} else {}),
    )
    activation = _ACTIVATIONS.get(layer.activation.__name__, layer)
    if activation is layer:
        raise NotImplementedError(f"{layer.name}: activation {layer.activation.__name__}")
    return nodes.add(activation, [result]) if activation else result


def _filters_first(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keras' (..., channels, filters) as ONNX's (filters, channels, ...)."""
    order = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    return np.transpose(kernel, order)


def _pooling(operator: str) -> Callable[[_Nodes, Any, list[str]], str]:
    """Both leave padding out of their window, as Keras does: the default of AveragePool."""

    def translated(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
        size = layer.pool_size
        return nodes.add(
            operator, inputs, kernel_shape=size, strides=layer.strides, pads=_pads(layer, size)
        )

    return translated


def _pads(layer: Any, window: tuple[int, ...]) -> list[int]:
    """Samples to add before each axis, then after each."""
    if layer.padding == "valid":
        return [0] * 2 * len(window)
    if layer.padding != "same" or set(layer.strides) != {1}:
        raise NotImplementedError(f"{layer.name}: padding {layer.padding!r} of strided windows")
    return [*((side - 1) // 2 for side in window), *(side // 2 for side in window)]


def _up_sampling(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
    interpolation = getattr(layer, "interpolation", "nearest")
    if interpolation not in _RESIZING:
        raise NotImplementedError(f"{layer.name}: interpolation {interpolation!r}")
    scales = nodes.constant([1, 1, *layer.size], np.float32)
    return nodes.add("Resize", [*inputs, "", scales], **_RESIZING[interpolation])


def _concatenation(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
    if layer.axis != -1:
        raise NotImplementedError(f"{layer.name}: concatenation along axis {layer.axis}")
    return nodes.add("Concat", inputs, axis=1)


def _zero_padding(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
    before, after = zip(*layer.padding, strict=True)
    margins = nodes.constant([0, 0, *before, 0, 0, *after], np.int64)
    return nodes.add("Pad", [*inputs, margins], mode="constant")


def _cropping(nodes: _Nodes, layer: Any, inputs: list[str]) -> str:
    before, after = zip(*layer.cropping, strict=True)
    ends = [-cut if cut else _TO_THE_END for cut in after]
    axes = [2 + k for k in range(len(ends))]
    places = [nodes.constant(values, np.int64) for values in (before, ends, axes)]
    return nodes.add("Slice", [*inputs, *places])


def _squeezing(nodes: _Nodes, operation: Any, inputs: list[str]) -> str:
    if operation.axis != 1:
        raise NotImplementedError(f"squeezing axis {operation.axis}")
    # The first axis after the batch comes after the channels now.
    return nodes.add("Squeeze", [*inputs, nodes.constant([2], np.int64)])


def _transposition(nodes: _Nodes, operation: Any, inputs: list[str]) -> str:
    axes = operation.axes
    # Where each axis lies once channels come first, and which axis that was.
    places = [0, *range(2, len(axes)), 1]
    order = [0, len(axes) - 1, *range(1, len(axes) - 1)]
    return nodes.add("Transpose", inputs, perm=[places[axes[axis]] for axis in order])


def _item(nodes: _Nodes, operation: Any, inputs: list[str]) -> str:
    key = operation._inbound_nodes[0].arguments.args[1]
    is_of_channels = len(key) == 2 and key[0] is Ellipsis and isinstance(key[1], slice)
    if not is_of_channels or key[1].step not in (None, 1):
        raise NotImplementedError(f"taking out {key}")
    first, end = key[1].start or 0, _TO_THE_END if key[1].stop is None else key[1].stop
    return nodes.add("Slice", [*inputs, *(nodes.constant([n], np.int64) for n in (first, end, 1))])


def _clipping(nodes: _Nodes, operation: Any, inputs: list[str]) -> str:
    limits = [nodes.constant(limit, np.float32) for limit in (operation.x_min, operation.x_max)]
    return nodes.add("Clip", [*inputs, *limits])


def _log1p(nodes: _Nodes, _: Any, inputs: list[str]) -> str:
    return nodes.add("Log", [nodes.add("Add", [*inputs, nodes.constant(1, np.float32)])])


def _expm1(nodes: _Nodes, _: Any, inputs: list[str]) -> str:
    return nodes.add("Sub", [nodes.add("Exp", inputs), nodes.constant(1, np.float32)])


def _element_wise(operator: str) -> Callable[[_Nodes, Any, list[str]], str]:
    return lambda nodes, _, inputs: nodes.add(operator, inputs)


_TRANSLATORS: dict[str, Callable[[_Nodes, Any, list[str]], str]] = {
    "Add": _element_wise("Add"),
    "AveragePooling2D": _pooling("AveragePool"),
    "AveragePooling3D": _pooling("AveragePool"),
    "Clip": _clipping,
    "Concatenate": _concatenation,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "Cropping3D": _cropping,
    "Expm1": _expm1,
    "GetItem": _item,
    "Log1p": _log1p,
    "MaxPooling2D": _pooling("MaxPool"),
    "MaxPooling3D": _pooling("MaxPool"),
    "Maximum": _element_wise("Max"),
    "Minimum": _element_wise("Min"),
    "Multiply": _element_wise("Mul"),
    "Negative": _element_wise("Neg"),
    "Relu": _element_wise("Relu"),
    "Sqrt": _element_wise("Sqrt"),
    "Squeeze": _squeezing,
    "Subtract": _element_wise("Sub"),
    "Transpose": _transposition,
    "TrueDivide": _element_wise("Div"),
    "UpSampling2D": _up_sampling,
    "UpSampling3D": _up_sampling,
    "ZeroPadding3D": _zero_padding,
}
