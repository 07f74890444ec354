"""The Keras operations of the networks as nodes of an ONNX graph, channels first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass
class Nodes:
    """Nodes and weights collected so far, numbered in the order they came in.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
        Each after those it takes its input from.
    weights : list of onnx.TensorProto
        Constants that nodes take.
    """

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node and return the name of its result.

        Parameters
        ----------
        kind : str
            ONNX operator.
        inputs : sequence of str
            Names of the tensors it takes.
        **attributes
            Attributes of the operator.

        Returns
        -------
        str
            Name of the node and of its only output.
        """
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


def translate(nodes: Nodes, operation: Any, inputs: list[str]) -> str:
    """Append what computes one Keras operation.

    Parameters
    ----------
    nodes : Nodes
        The graph so far.
    operation : keras.Operation
        A layer, or an element-wise operation.
    inputs : list of str
        Names of the tensors that it takes, in its order; images channels first.

    Returns
    -------
    str
        Name of its result, channels first.

    Raises
    ------
    NotImplementedError
        If it is of a kind, or used in a way, that the networks don't have.
    """
    # A layer of our own is one of Keras' that says how it is computed.
    kinds = [kind.__name__ for kind in type(operation).__mro__]
    known = [kind for kind in kinds if kind in _TRANSLATORS]
    if not known:
        raise NotImplementedError(f"the Keras operation {kinds[0]} has no ONNX form here")
    return _TRANSLATORS[known[0]](nodes, operation, inputs)


def channels_first(nodes: Nodes, image: str, rank: int) -> str:
    """Bring (batch, ..., channel) into the order (batch, channel, ...)."""
    return nodes.add("Transpose", [image], perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(nodes: Nodes, image: str, rank: int) -> str:
    """Bring (batch, channel, ...) into the order (batch, ..., channel)."""
    return nodes.add("Transpose", [image], perm=[0, *range(2, rank), 1])


def _convolution(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
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


def _pooling(operator: str) -> Callable[[Nodes, Any, list[str]], str]:
    """Both leave padding out of their window, as Keras does: the default of AveragePool."""

    def translated(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
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


def _up_sampling(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
    interpolation = getattr(layer, "interpolation", "nearest")
    if interpolation not in _RESIZING:
        raise NotImplementedError(f"{layer.name}: interpolation {interpolation!r}")
    scales = nodes.constant([1, 1, *layer.size], np.float32)
    return nodes.add("Resize", [*inputs, "", scales], **_RESIZING[interpolation])


def _concatenation(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
    if layer.axis != -1:
        raise NotImplementedError(f"{layer.name}: concatenation along axis {layer.axis}")
    return nodes.add("Concat", inputs, axis=1)


def _zero_padding(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
    before, after = zip(*layer.padding, strict=True)
    margins = nodes.constant([0, 0, *before, 0, 0, *after], np.int64)
    return nodes.add("Pad", [*inputs, margins], mode="constant")


def _cropping(nodes: Nodes, layer: Any, inputs: list[str]) -> str:
    before, after = zip(*layer.cropping, strict=True)
    ends = [-cut if cut else _TO_THE_END for cut in after]
    axes = [2 + k for k in range(len(ends))]
    places = [nodes.constant(values, np.int64) for values in (before, ends, axes)]
    return nodes.add("Slice", [*inputs, *places])


def _squeezing(nodes: Nodes, operation: Any, inputs: list[str]) -> str:
    if operation.axis != 1:
        raise NotImplementedError(f"squeezing axis {operation.axis}")
    # The first axis after the batch comes after the channels now.
    return nodes.add("Squeeze", [*inputs, nodes.constant([2], np.int64)])


def _transposition(nodes: Nodes, operation: Any, inputs: list[str]) -> str:
    axes = operation.axes
    # Where each axis lies once channels come first, and which axis that was.
    places = [0, *range(2, len(axes)), 1]
    order = [0, len(axes) - 1, *range(1, len(axes) - 1)]
    return nodes.add("Transpose", inputs, perm=[places[axes[axis]] for axis in order])


def _item(nodes: Nodes, operation: Any, inputs: list[str]) -> str:
    key = operation._inbound_nodes[0].arguments.args[1]
    is_of_channels = len(key) == 2 and key[0] is Ellipsis and isinstance(key[1], slice)
    if not is_of_channels or key[1].step not in (None, 1):
        raise NotImplementedError(f"taking out {key}")
    first, end = key[1].start or 0, _TO_THE_END if key[1].stop is None else key[1].stop
    return nodes.add("Slice", [*inputs, *(nodes.constant([n], np.int64) for n in (first, end, 1))])


def _clipping(nodes: Nodes, operation: Any, inputs: list[str]) -> str:
    limits = [nodes.constant(limit, np.float32) for limit in (operation.x_min, operation.x_max)]
    return nodes.add("Clip", [*inputs, *limits])


def _log1p(nodes: Nodes, _: Any, inputs: list[str]) -> str:
    return nodes.add("Log", [nodes.add("Add", [*inputs, nodes.constant(1, np.float32)])])


def _expm1(nodes: Nodes, _: Any, inputs: list[str]) -> str:
    return nodes.add("Sub", [nodes.add("Exp", inputs), nodes.constant(1, np.float32)])


def _element_wise(operator: str) -> Callable[[Nodes, Any, list[str]], str]:
    return lambda nodes, _, inputs: nodes.add(operator, inputs)


_TRANSLATORS: dict[str, Callable[[Nodes, Any, list[str]], str]] = {
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
