"""The description of a model that bioimage.io wants, its `bioimageio.yaml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import crispim_ij
from crispim_ij.exporting.export import TOLERANCE
from crispim_ij.exporting.frozen import INPUT, OUTPUT
from crispim_ij.exporting.onnx_graph import OPSET
from crispim_ij.networks import ARCHITECTURES

if TYPE_CHECKING:
    from crispim_ij.models import ModelSpec

ONNX_FILE, TENSORFLOW_FILE = "weights.onnx", "tensorflow_saved_model_bundle.zip"
INPUT_FILE, OUTPUT_FILE = "test_input.npy", "test_output.npy"
INPUT_IMAGE, OUTPUT_IMAGE = "sample_input.tif", "sample_output.tif"
COVER_FILE, TEXT_FILE, DESCRIPTION_FILE = "cover.png", "README.md", "bioimageio.yaml"

PAPER = {
    "text": (
        "Cho, W.: CRISPIM: A U-Net based denoising technique for severely noisy 3D SPIM "
        "(Light-Sheet Microscope) images. KAIST, 2023"
    ),
    "url": (
        "https://github.com/Cerdonis/CRISPIM-A-U-Net-based-denoising-technique-for-severely-"
        "noisy-3D-SPIM-Light-Sheet-Microscope-images"
    ),
}
"""The paper whose method the models follow; it is published where its notebooks are."""


def describe(spec: ModelSpec, licence: str | None) -> dict[str, Any]:
    """Describe a model in the fields of bioimage.io's format 0.5.

    Authors are left out: only the user knows them.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    licence : str or None
        An SPDX identifier, or None if it isn't known.

    Returns
    -------
    dict
        YAML-ready, without the hashes of the files.
    """
    from bioimageio.spec.model.v0_5 import ModelDescr

    design = ARCHITECTURES[spec.architecture]
    return {
        "format_version": ModelDescr.implemented_format_version,
        "type": "model",
        "name": re.sub(r"[^A-Za-z0-9_+\- ()]", "_", f"{spec.name} (light-sheet denoiser)")[:128],
        "description": (
            "Removes Gaussian noise from planes of a light-sheet microscope (SPIM). Raw counts "
            f"in, raw counts out. Network: {design.summary}."
        ),
        "documentation": {"source": TEXT_FILE},
        "covers": [{"source": COVER_FILE}],
        **({"license": licence} if licence else {}),
        "cite": [PAPER],
        "tags": _tags(spec),
        "inputs": [_input(spec)],
        "outputs": [_output(spec)],
        "weights": _weights(),
        "config": _config(spec),
    }


def _tags(spec: ModelSpec) -> list[str]:
    """Tags of bioimage.io's own categories, and the microscope."""
    return [
        "denoising",
        "image-restoration",
        "unet",
        "3d" if "Z" in spec.axes else "2d",
        "fluorescence-light-microscopy",
        "light-sheet",
        "tensorflow",
        "onnx",
    ]


def _input(spec: ModelSpec) -> dict[str, Any]:
    """Describe planes of sides that the network can take and leave something of, less a halo."""
    depth = [{"type": "space", "id": "z", "size": spec.depth}] if "Z" in spec.axes else []
    sides = {"min": 2 * spec.halo + spec.stride, "step": spec.stride}
    return {
        "id": INPUT,
        "description": "noisy planes, raw counts of the camera",
        "axes": [
            {"type": "batch"},
            *depth,
            {"type": "space", "id": "y", "size": sides, "concatenable": True},
            {"type": "space", "id": "x", "size": sides, "concatenable": True},
            {"type": "channel", "channel_names": ["intensity"]},
        ],
        "data": {"type": "float32"},
        # The mirror that repeats the edge, as this package's own `denoise` has it.
        "pad": {"mode": "symmetric"},
        "test_tensor": {"source": INPUT_FILE},
        "sample_tensor": {"source": INPUT_IMAGE},
    }


def _output(spec: ModelSpec) -> dict[str, Any]:
    """Describe the denoised plane; the network alone doesn't cut the halo off."""
    at = f", that at z = {spec.depth // 2}" if "Z" in spec.axes else ""
    return {
        "id": OUTPUT,
        "description": f"denoised plane, counts{at}",
        "axes": [
            {"type": "batch"},
            *(
                {
                    "type": "space",
                    "id": axis,
                    "size": {"tensor_id": INPUT, "axis_id": axis},
                    "halo": spec.halo,
                }
                for axis in "yx"
            ),
            {"type": "channel", "channel_names": ["intensity"]},
        ],
        "data": {"type": "float32"},
        "test_tensor": {"source": OUTPUT_FILE},
        "sample_tensor": {"source": OUTPUT_IMAGE},
    }


def _weights() -> dict[str, Any]:
    """Describe both weight files; one must be the other's parent."""
    import tensorflow as tf

    return {
        "tensorflow_saved_model_bundle": {
            "source": TENSORFLOW_FILE,
            "tensorflow_version": tf.__version__,
            "comment": "Frozen graph of the Keras network; TensorFlow 1.15 loads it too.",
        },
        "onnx": {
            "source": ONNX_FILE,
            "opset_version": OPSET,
            "parent": "tensorflow_saved_model_bundle",
            "comment": "Made of the same Keras network.",
        },
    }


def _config(spec: ModelSpec) -> dict[str, Any]:
    """Say by how many counts a test may differ elsewhere, and what the package was made of."""
    return {
        "bioimageio": {
            "reproducibility_tolerance": [
                {
                    "relative_tolerance": 0,
                    "absolute_tolerance": TOLERANCE,
                    "mismatched_elements_per_million": 0,
                }
            ],
            "architecture_type": "3D U-Net" if "Z" in spec.axes else "2D U-Net",
            "modality": "light-sheet fluorescence microscopy",
            "task": "denoising",
            "model_parameter_count": spec.parameters,
        },
        "crispim_ij": {
            "version": crispim_ij.__version__,
            "model": spec.name,
            "architecture": spec.architecture,
            "weights_sha256": spec.sha256,
        },
    }
