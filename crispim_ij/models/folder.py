"""Load and save model folders."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crispim_ij.errors import CrispimError
from crispim_ij.models.spec import ModelSpec
from crispim_ij.models.weights import READ_FAULTS, checked_weights, file_sha256, read_bytes, reason
from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.planes.atomic import make_folders, write_faults

if TYPE_CHECKING:
    import keras

    from crispim_ij.networks.architectures import Precision

WEIGHTS_FILE = "model.keras"


@dataclass(frozen=True)
class Model:
    """A model folder on disk.

    Attributes
    ----------
    folder : Path
        Where it is.
    spec : ModelSpec
        What its `model.json` says.
    """

    folder: Path
    spec: ModelSpec

    def network(self, *, precision: Precision = "float32", trimmed: bool = False) -> keras.Model:
        """Build the network and give it the folder's weights.

        The network is built by this package and only numbers are read from the
        file, so that a model file can't bring code of its own.

        Parameters
        ----------
        precision : {'float32', 'bfloat16'}
            Arithmetic of the convolutions.
        trimmed : bool
            See ``crispim_ij.networks.architectures``.

        Returns
        -------
        keras.Model
            Raw counts in, raw counts out.

        Raises
        ------
        CrispimError
            If the weights file is missing, changed or of another network.
        """
        path = self.folder / WEIGHTS_FILE
        content = self._content(path)
        plain = build(self.spec.architecture)
        try:
            with checked_weights(content) as weights, warnings.catch_warnings():
                # Keras warns of containers that are missing before it raises for the layers.
                warnings.simplefilter("ignore", UserWarning)
                plain.load_weights(weights)
        except READ_FAULTS as error:
            raise CrispimError(
                f"{path} doesn't hold the weights of {self.spec.architecture!r} ({reason(error)}); "
                "restore the file or import the model again."
            ) from error
        if precision == "float32" and not trimmed:
            return plain
        network = build(self.spec.architecture, precision=precision, trimmed=trimmed)
        network.set_weights(plain.get_weights())
        return network

    def _content(self, path: Path) -> bytes:
        """Return the weights file, of which nothing is looked at before its hash is right."""
        if not path.is_file():
            raise CrispimError(f"{path} is missing; restore it or import the model again.")
        try:
            content = read_bytes(path)
        except (OSError, ValueError) as error:
            raise CrispimError(
                f"{path} can't be read ({error}); restore it or import the model again."
            ) from error
        if hashlib.sha256(content).hexdigest() != self.spec.sha256:
            raise CrispimError(
                f"{path} is not the file that the model.json beside it describes "
                "(SHA-256 differs); restore it or import the model again."
            )
        return content


def load_model(folder: Path) -> Model:
    """Open a model folder; weights are read by `Model.network`."""
    return Model(folder, ModelSpec.read(folder))


def save_model(
    network: keras.Model, architecture: str, folder: Path, provenance: dict[str, Any]
) -> Model:
    """Write a model folder.

    Parameters
    ----------
    network : keras.Model
        Made by ``build(architecture)``.
    architecture : str
        A key of ``crispim_ij.networks.ARCHITECTURES``.
    folder : Path
        Made if missing; its name becomes the model's. An older model in it is
        replaced, other files stay.
    provenance : dict
        Where the weights come from, JSON-ready.

    Returns
    -------
    Model
        The folder just written.
    """
    make_folders(folder)
    with write_faults(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        written = Path(scratch) / WEIGHTS_FILE
        bare = build(architecture)  # leaves an optimizer's state behind
        bare.set_weights(network.get_weights())
        bare.save(written)
        field = receptive_field(bare)
        spec = ModelSpec(
            name=folder.name,
            architecture=architecture,
            axes=ARCHITECTURES[architecture].axes,
            receptive_field=field.radius,
            stride=field.stride,
            parameters=bare.count_params(),
            input_scaling=ARCHITECTURES[architecture].input_scaling,
            sha256=file_sha256(written),
            provenance=provenance,
        )
        spec.write(Path(scratch))
        for path in Path(scratch).iterdir():
            path.replace(folder / path.name)
    return Model(folder, spec)
