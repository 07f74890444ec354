"""A package for bioimage.io and the programs that use its models."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import csbdeep, onnx_graph
from crispim_ij.exporting.bioimageio_description import (
    COVER_FILE,
    DESCRIPTION_FILE,
    INPUT_FILE,
    INPUT_IMAGE,
    NOISE_SD,
    ONNX_FILE,
    OUTPUT_FILE,
    OUTPUT_IMAGE,
    TENSORFLOW_FILE,
    TEXT_FILE,
    describe,
    documentation,
    licence,
)
from crispim_ij.exporting.sample import TOLERANCE, counts_a_unit, keras_prediction
from crispim_ij.exporting.units import Units
from crispim_ij.exporting.v1_zip import read_meta, write_archive
from crispim_ij.models.weights import file_sha256
from crispim_ij.phantom import PhantomSettings, simulate_volume

if TYPE_CHECKING:
    from crispim_ij.models import Model, ModelSpec

_SIDES = {"YXC": 256, "ZYXC": 128}
_SEED = 2
_MICROMETRES = 7.2  # a pixel of the paper's planes, downsampled 4 times
_DARKEST, _BRIGHTEST = 0.5, 99.7  # percentiles that the cover shows as black and white


def write(model: Model, path: Path) -> None:
    """Write the package: description, weights in both forms, test tensors, cover and text.

    Needs no network. Equal models give equal bytes.
    """
    with onnx_graph.export_extra():
        import bioimageio.spec  # noqa: F401
        import onnx  # noqa: F401

    description = describe(model.spec, licence(model), Units.of(model))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_files(model, folder)
        write_description(description, folder)
        write_archive(((file.name, file.read_bytes()) for file in sorted(folder.iterdir())), path)


def predict(path: Path, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run it in ONNX Runtime, and in TensorFlow, whose counts may differ by `TOLERANCE` at most."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            weights = [Path(archive.extract(name, folder)) for name in (ONNX_FILE, TENSORFLOW_FILE)]
        result = onnx_graph.predict(weights[0], counts)
        other = csbdeep.predict(weights[1], counts)
        units = Units.of_facts(read_meta(weights[1]))
    difference = counts_a_unit(units) * float(np.abs(result - other).max())
    if not difference <= TOLERANCE:
        raise CrispimError(
            f"the two weight files in {path} give counts that differ by {difference:.2g}, more "
            f"than {TOLERANCE}: export the model as onnx or savedmodel instead."
        )
    return result


def _write_files(model: Model, folder: Path) -> None:
    """Write all that the description refers to."""
    sample = Sample.of(model)
    onnx_graph.write(model, folder / ONNX_FILE)
    csbdeep.write(model, folder / TENSORFLOW_FILE)
    np.save(folder / INPUT_FILE, sample.noisy[np.newaxis, ..., np.newaxis])
    np.save(folder / OUTPUT_FILE, sample.denoised[np.newaxis, ..., np.newaxis])
    _write_image(folder / INPUT_IMAGE, sample.noisy.astype(np.uint16))
    _write_image(folder / OUTPUT_IMAGE, sample.denoised)
    (folder / COVER_FILE).write_bytes(cover_png(sample))
    (folder / TEXT_FILE).write_text(documentation(model), encoding="utf-8", newline="\n")


def _write_image(path: Path, image: NDArray[Any]) -> None:
    """Write a TIFF without a date, to look at in Fiji."""
    tifffile.imwrite(path, image, photometric="minisblack", metadata=None)


def write_description(description: dict[str, Any], folder: Path) -> None:
    """Have bioimageio.spec check a description, and write it beside its files with their hashes."""
    from bioimageio import spec

    hashed = _with_hashes(description, folder)
    # Its checks of the files would look up URLs, and leave the files open.
    context = spec.ValidationContext(root=folder, perform_io_checks=False)
    checked = spec.build_description(hashed, context=context)
    if isinstance(checked, spec.InvalidDescr):
        reason = " ".join((checked.get_reason() or "").split())
        raise CrispimError(
            f"bioimageio.spec {spec.__version__} refuses the model's description ({reason}): "
            'run `pip install "crispim-ij[export]"` to get versions that work together.'
        )
    spec.save_bioimageio_yaml_only(hashed, folder / DESCRIPTION_FILE)


def _with_hashes(value: Any, folder: Path) -> Any:
    """Add to whatever names a file in a description its SHA-256."""
    if isinstance(value, list):
        return [_with_hashes(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _with_hashes(item, folder) for key, item in value.items()}
    return inner | {"sha256": file_sha256(folder / value["source"])} if "source" in value else inner


@dataclass(frozen=True)
class Sample:
    """The test tensors: a plane or a mini-stack of whole counts, and the plane made of it."""

    noisy: NDArray[np.float32]
    denoised: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model) -> Sample:
        """Simulate cleared brain, add noise and denoise it in Keras."""
        noisy = noisy_specimen(model.spec)
        unit = np.float32(NOISE_SD if Units.of(model).are_values else 1)
        return cls(noisy, unit * keras_prediction(model, noisy / unit))


def noisy_specimen(spec: ModelSpec) -> NDArray[np.float32]:
    """Simulate whole counts with Gaussian noise, as a camera gives them, the same at every call."""
    side = _SIDES[spec.axes]
    is_3d = spec.axes == "ZYXC"
    shape = (spec.depth, side, side)
    clean = simulate_volume(PhantomSettings(shape, _SEED, pixel_size=_MICROMETRES, stripes=0))
    noise = np.random.default_rng(_SEED).normal(0, NOISE_SD, shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.float32)
    return noisy if is_3d else noisy[0]


def cover_png(sample: Sample) -> bytes:
    """Draw the noisy plane beside the denoised one, at the same display range, as an 8-bit PNG."""
    import imagecodecs

    noisy = sample.noisy if sample.noisy.ndim == 2 else sample.noisy[len(sample.noisy) // 2]
    low, high = np.percentile(sample.denoised, [_DARKEST, _BRIGHTEST])
    shades = (np.hstack([noisy, sample.denoised]) - low) / max(high - low, 1.0)
    return bytes(imagecodecs.png_encode((shades.clip(0, 1) * 255).astype(np.uint8)))
