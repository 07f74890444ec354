"""What a package for bioimage.io says of its model: its `bioimageio.yaml` and its text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import crispim_ij
from crispim_ij.errors import CrispimError
from crispim_ij.exporting.onnx_graph import OPSET
from crispim_ij.exporting.sample import TOLERANCE
from crispim_ij.exporting.units import ALL_NOISE, COUNTS, Units
from crispim_ij.exporting.v1_zip import INPUT, OUTPUT
from crispim_ij.models.folder import CARD_FILE, read_card
from crispim_ij.networks import ARCHITECTURES

if TYPE_CHECKING:
    from crispim_ij.models import Model, ModelSpec

ONNX_FILE, TENSORFLOW_FILE = "weights.onnx", "tensorflow_saved_model_bundle.zip"
INPUT_FILE, OUTPUT_FILE = "test_input.npy", "test_output.npy"
INPUT_IMAGE, OUTPUT_IMAGE = "sample_input.tif", "sample_output.tif"
COVER_FILE, TEXT_FILE, DESCRIPTION_FILE = "cover.png", "README.md", "bioimageio.yaml"

NOISE_SD = 35.0
"""Of the test tensors' noise, in counts; the middle of what the paper adds."""

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

SCALED = (
    f"raw counts in, raw counts out, of noise with a standard deviation of {NOISE_SD:g}: for "
    "noise of another, write 1 / sd and sd as the gain of both operations scale_linear, since the "
    "network itself takes and gives values whose noise has a standard deviation of 1"
)
"""What a package takes and gives whose weights take and give values in units of the noise."""

_LICENCE = re.compile(r"^\W*licen[cs]e\W*:\W*([\w.+-]*\w\+?)", re.IGNORECASE | re.MULTILINE)

_SECTIONS = """
## Validation

Denoise planes whose clean form is known, which the model was not trained on, and compare:
`crispim-ij evaluate CLEAN --method noisy --method tv --method MODEL` adds noise to clean planes
and prints PSNR, SSIM and the Pearson correlation of each method.

## Before this package is shared

Exporting left to you what only you know. In `bioimageio.yaml`, fill in `authors` and `maintainers`
(there are none), `license` if it is missing, and `tags` for what your images show. Then run
`bioimageio test` on the package. Its test image and its cover are simulated, not real tissue.
"""


def describe(spec: ModelSpec, licence: str | None, units: Units = COUNTS) -> dict[str, Any]:
    """Describe a model in the fields of bioimage.io's format 0.5, without the files' hashes.

    Authors are left out: only the user knows them.
    """
    from bioimageio.spec.model.v0_5 import ModelDescr

    design = ARCHITECTURES[spec.architecture]
    return {
        "format_version": ModelDescr.implemented_format_version,
        "type": "model",
        "name": re.sub(r"[^A-Za-z0-9_+\- ()]", "_", f"{spec.name} (light-sheet denoiser)")[:128],
        "description": (
            "Removes Gaussian noise from planes of a light-sheet microscope (SPIM). "
            f"{_capitalised(_says(units))}. Network: {design.summary}."
        ),
        "documentation": {"source": TEXT_FILE},
        "covers": [{"source": COVER_FILE}],
        **({"license": licence} if licence else {}),
        "cite": [PAPER],
        "tags": _tags(spec),
        "inputs": [_input(spec) | _scaled("preprocessing", 1 / NOISE_SD, units)],
        "outputs": [_output(spec) | _scaled("postprocessing", NOISE_SD, units)],
        "weights": _weights(),
        "config": _config(spec, units),
    }


def _says(units: Units) -> str:
    """Say what a package takes and gives whose weights take and give values in these units."""
    if units.are_of_all_noise:
        return f"{SCALED}; {ALL_NOISE}"
    return SCALED if units.are_values else units.says


def _capitalised(sentence: str) -> str:
    """Begin a sentence with a capital letter."""
    return sentence[0].upper() + sentence[1:]


def _scaled(when: str, gain: float, units: Units) -> dict[str, Any]:
    """Describe how counts become values, or values counts."""
    if not units.are_values:
        return {}
    return {when: [{"id": "scale_linear", "kwargs": {"gain": gain, "offset": 0.0}}]}


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


def _config(spec: ModelSpec, units: Units) -> dict[str, Any]:
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
            **units.facts,
        },
    }


def documentation(model: Model) -> str:
    """Write the package's documentation in Markdown, from the model's card where it has one."""
    summary = f"# {model.spec.name}\n\n{ARCHITECTURES[model.spec.architecture].summary}.\n"
    card = read_card(model.folder) or summary
    return f"{card.rstrip()}\n{_noise_section(model)}{_SECTIONS}"


def _noise_section(model: Model) -> str:
    """Say what goes in and comes out, where the network is told the noise."""
    units = Units.of(model)
    return f"\n## Noise\n\n{_capitalised(_says(units))}.\n" if units.facts else ""


def licence(model: Model) -> str | None:
    """Find the SPDX identifier that a model's card names, in a line such as 'License: MIT'."""
    from bioimageio.spec.model.v0_5 import LicenseId

    found = _LICENCE.search(read_card(model.folder) or "")
    if found is None:
        return None
    try:
        return str(LicenseId(found[1]))
    except ValueError:
        raise CrispimError(
            f"{model.folder / CARD_FILE} names the licence {found[1]!r}, which bioimage.io doesn't "
            "know: write an SPDX identifier, such as 'License: CC-BY-4.0' (spdx.org/licenses)."
        ) from None
