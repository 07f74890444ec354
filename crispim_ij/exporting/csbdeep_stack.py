"""For 'Run your network' of Fiji's plugin CSBDeep: a 3D model over a whole stack.

The plugin gives a network a block of planes and wants a block back. So a loop inside the
graph lays the network's mini-stack of planes around each plane in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting.csbdeep import describe
from crispim_ij.exporting.frozen import INPUT, OUTPUT, freeze
from crispim_ij.exporting.v1_zip import run_zip, write_zip

if TYPE_CHECKING:
    from crispim_ij.models import Model


def write(model: Model, path: Path) -> None:
    """Write the zip of a network that takes (batch, Z, Y, X, 1) and gives the same shape.

    Parameters
    ----------
    model : Model
        A 3D model.
    path : Path
        Zip to write.

    Raises
    ------
    CrispimError
        If the model is 2D.
    """
    if model.spec.axes != "ZYXC":
        raise CrispimError(
            f"{model.folder} is a 2D model, which CSBDeep runs over a stack by itself: "
            "export it with --format csbdeep."
        )
    graph = _over_stacks(freeze(model.network()), model.spec.depth)
    write_zip(graph, describe(model, "ZYXC", {}, {"Z": model.spec.depth // 2}), path)


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a zip that `write` wrote on one mini-stack.

    Parameters
    ----------
    path : Path
        The zip.
    counts : ndarray of float32, shape (depth, Y, X)
        A mini-stack.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Counts of its plane 8, the only one that sees these planes and no others.
    """
    return run_zip(path, counts[np.newaxis, ..., np.newaxis])[0, len(counts) // 2, ..., 0]


def _over_stacks(network: Any, planes: int) -> Any:
    """Build a graph that runs a network of so many planes around each plane of a stack."""
    import tensorflow as tf

    with _loops_of_version_1(), tf.Graph().as_default() as graph:
        stack = tf.compat.v1.placeholder(tf.float32, (None, None, None, None, 1), INPUT)
        depth = tf.shape(stack)[1]

        def denoise(plane: Any) -> Any:
            # Mirrored at both ends as NumPy's 'symmetric' does, however short the stack.
            around = (plane - planes // 2 + tf.range(planes)) % (2 * depth)
            window = tf.gather(stack, tf.minimum(around, 2 * depth - 1 - around), axis=1)
            return tf.import_graph_def(network, {INPUT: window}, [f"{OUTPUT}:0"], name="network")[0]

        # One plane at a time: several would need as many times the memory.
        results = tf.map_fn(
            denoise, tf.range(depth), fn_output_signature=tf.float32, parallel_iterations=1
        )
        tf.transpose(results, (1, 0, 2, 3, 4), name=OUTPUT)
    # Only gradients need it, and it lists the loop's tensors in a random order.
    graph.clear_collection(tf.compat.v1.GraphKeys.WHILE_CONTEXT)
    return graph


@contextmanager
def _loops_of_version_1() -> Iterator[None]:
    """Let loops be made of the nodes that TensorFlow 1 runs."""
    import tensorflow as tf

    changed = tf.compat.v1.control_flow_v2_enabled()
    tf.compat.v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if changed:
            tf.compat.v1.enable_control_flow_v2()
