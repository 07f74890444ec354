"""For 'Run your network' of Fiji's plugin CSBDeep: the network as it is.

A 2D model takes (batch, Y, X, 1), so that the plugin runs it plane by plane over a stack.
A 3D model takes (batch, depth, Y, X, 1) and gives the one plane (batch, Y, X, 1): a mini-stack
at a time. `csbdeep_stack` is its form for whole stacks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import crispim_ij
from crispim_ij.exporting.frozen import freeze
from crispim_ij.exporting.units import Units
from crispim_ij.exporting.v1_zip import run_zip, write_zip

if TYPE_CHECKING:
    from crispim_ij.models import Model


def write(model: Model, path: Path) -> None:
    """Write the zip.

    Parameters
    ----------
    model : Model
        The model.
    path : Path
        Zip to write.
    """
    import tensorflow as tf

    frozen = freeze(model.network())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
    write_zip(graph, describe(model, "YXC", {"Z": model.spec.depth}, {}), path)


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a zip that `write` wrote.

    Parameters
    ----------
    path : Path
        The zip.
    counts : ndarray of float32, shape (Y, X) or (depth, Y, X)
        A plane, or a mini-stack for a 3D model.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Counts.
    """
    return run_zip(path, counts[np.newaxis, ..., np.newaxis])[0, ..., 0]


def describe(
    model: Model, axes_out: str, multiple: dict[str, int], overlap: dict[str, int]
) -> dict[str, Any]:
    """Describe a network in the fields of CSBDeep's `meta.json`.

    Parameters
    ----------
    model : Model
        The model.
    axes_out : str
        Axes of the output, such as 'YXC'.
    multiple, overlap : dict
        What the size of an axis must be a multiple of, and by how much tiles must
        overlap along it, in px, where that isn't the model's stride and halo of Y and X.

    Returns
    -------
    dict
        JSON-ready.
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
