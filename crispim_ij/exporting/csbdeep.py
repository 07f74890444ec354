"""For 'Run your network' of Fiji's plugin CSBDeep.

A 2D model takes (batch, Y, X, 1), so that the plugin runs it plane by plane over a stack.
A 3D model takes (batch, depth, Y, X, 1) and gives the one plane (batch, Y, X, 1): a mini-stack
at a time. In its form for whole stacks a loop inside the graph lays the network's mini-stack
around each plane in turn, since the plugin gives a block of planes and wants a block back; the
signature calls Z fixed, so that the plugin gives the whole stack and nothing beyond its ends.
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
from crispim_ij.exporting.units import Units
from crispim_ij.exporting.v1_zip import INPUT, OUTPUT, freeze, run_zip, write_zip

if TYPE_CHECKING:
    from crispim_ij.models import Model


def write(model: Model, path: Path) -> None:
    """Write the zip of the network as it is."""
    import tensorflow as tf

    frozen = freeze(model.network())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
    write_zip(graph, _describe(model, "YXC", {"Z": model.spec.depth}, {}), path)


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run it on a plane, or on a mini-stack for a 3D model."""
    return run_zip(path, counts[np.newaxis, ..., np.newaxis])[0, ..., 0]


def write_stack(model: Model, path: Path) -> None:
    """Write the zip of a 3D model that takes (batch, Z, Y, X, 1) and gives the same shape."""
    if model.spec.axes != "ZYXC":
        raise CrispimError(
            f"{model.folder} is a 2D model, which CSBDeep runs over a stack by itself: "
            "export it with --format csbdeep."
        )
    depth = model.spec.depth
    graph = _over_stacks(freeze(model.network()), depth)
    # The plugin lengthens an axis to a multiple of its blocks unless its length is fixed, and the
    # graph would take the planes that it adds for the stack's own.
    write_zip(graph, _describe(model, "ZYXC", {}, {"Z": depth // 2}), path, axis_1=depth)


def predict_stack(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run it on one mini-stack: the middle plane, which alone sees these planes and no others."""
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


def _describe(
    model: Model, axes_out: str, multiple: dict[str, int], overlap: dict[str, int]
) -> dict[str, Any]:
    """Describe a network in the fields of CSBDeep's `meta.json`.

    `multiple` and `overlap`: what the size of an axis must be a multiple of, and by how much tiles
    must overlap along it, in px, where that isn't the model's stride and halo of Y and X.
    """
    spec, units = model.spec, Units.of(model)
    multiples = {"Y": spec.stride, "X": spec.stride} | multiple
    overlaps = {"Y": spec.halo, "X": spec.halo} | overlap
    return {
        "type": f"crispim-ij {spec.architecture}",
        "version": crispim_ij.__version__,
        "probabilistic": False,
        "axes": spec.axes,
        "axes_out": axes_out,
        "axes_div_by": [multiples.get(axis, 1) for axis in spec.axes],
        "tile_overlap": [overlaps.get(axis, 0) for axis in spec.axes],
        **({"description": units.says, **units.facts} if units.facts else {}),
    }
