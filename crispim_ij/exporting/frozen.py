"""Turn a Keras network into a graph that holds its weights, the same at every export."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

INPUT, OUTPUT = "input", "output"
"""Names of a frozen graph's first and last node."""


def freeze(network: keras.Model) -> Any:
    """Make the network a graph of constants, without variables and functions.

    Parameters
    ----------
    network : keras.Model
        A network with one input and one output.

    Returns
    -------
    tensorflow.GraphDef
        Takes float32 counts of the network's shape, the batch included, at the node
        `INPUT` and gives them at `OUTPUT`. Nodes are ordered and named by what they
        compute, not by what Keras has built before in this process.
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
