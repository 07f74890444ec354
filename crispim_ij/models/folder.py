"""Model folders: where they are, how they are loaded, saved and shown."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from crispim_ij.errors import CrispimError, did_you_mean
from crispim_ij.machine import bundled_folder
from crispim_ij.models.spec import SPEC_FILE, ModelSpec
from crispim_ij.models.weights import (
    DamagedFileError,
    checked_weights,
    file_sha256,
    hdf5_faults,
    read_bytes,
)
from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.planes.atomic import make_folders, write_faults

if TYPE_CHECKING:
    import keras

    from crispim_ij.networks.architectures import Padding, Precision

WEIGHTS_FILE = "model.keras"
CARD_FILE = "README.md"
"""A model's card, beside its weights."""


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return _as_text(self.spec, self.folder)

    def _repr_html_(self) -> str:
        """Show it in notebooks, with its card."""
        return _as_html(self.spec, self.folder)

    def network(
        self, *, precision: Precision = "float32", padding: Padding = "same"
    ) -> keras.Model:
        """Build the network and give it the folder's weights.

        The network is built by this package and only numbers are read from the
        file, so that a model file can't bring code of its own.

        Parameters
        ----------
        precision : {'float32', 'bfloat16'}
            Arithmetic of the convolutions.
        padding : {'same', 'valid'}
            See ``crispim_ij.networks.build``.

        Returns
        -------
        keras.Model
            Raw counts in and out, or values in units of the noise, see ``spec.input_scaling``.

        Raises
        ------
        CrispimError
            If the weights file is missing, changed or of another network.
        """
        path = self.folder / WEIGHTS_FILE
        content = self._content(path)
        network = build(self.spec.architecture, precision=precision, padding=padding)
        try:
            with checked_weights(content) as weights:
                _load_weights(network, weights)
        except DamagedFileError as error:
            raise CrispimError(
                f"{path} doesn't hold the weights of {self.spec.architecture!r} ({error}); "
                "restore the file or import the model again."
            ) from error
        return network

    def _content(self, path: Path) -> bytes:
        """Return the weights file, of which nothing is looked at before its hash is right."""
        if not path.is_file():
            raise CrispimError(f"{path} is missing; restore it or import the model again.")
        try:
            content = read_bytes(path)
        except (OSError, DamagedFileError) as error:
            raise CrispimError(
                f"{path} can't be read ({error}); restore it or import the model again."
            ) from error
        if hashlib.sha256(content).hexdigest() != self.spec.sha256:
            raise CrispimError(
                f"{path} is not the file that the model.json beside it describes "
                "(SHA-256 differs); restore it or import the model again."
            )
        return content


def _load_weights(network: keras.Model, path: Path) -> None:
    # Keras reads with h5py, and warns of containers that are missing before it raises for layers.
    with warnings.catch_warnings(), hdf5_faults():
        warnings.simplefilter("ignore", UserWarning)
        network.load_weights(path)


def library_folder() -> Path:
    """Folder of the user's own models: ``$CRISPIM_MODELS``, else the user's data folder."""
    chosen = os.environ.get("CRISPIM_MODELS")
    return Path(chosen) if chosen else platformdirs.user_data_path("crispim-ij") / "models"


def list_models() -> list[Model]:
    """Models that ship and the user's own, by name; the user's win."""
    found = {}
    for place in (bundled_folder("models"), library_folder()):
        for spec_file in sorted(place.glob(f"*/{SPEC_FILE}")):
            found[spec_file.parent.name] = load_model(spec_file.parent)
    return [found[name] for name in sorted(found)]


def find_model(name: str) -> Model:
    """Find a model by a name that `list_models` knows, or by the path of its folder.

    CrispimError if there is none.
    """
    if Path(name).is_dir():
        return load_model(Path(name))
    known = {model.folder.name: model for model in list_models()}
    if name in known:
        return known[name]
    raise CrispimError(f"There is no model {name!r}: {did_you_mean(name, known)}")


def load_model(folder: Path) -> Model:
    """Open a model folder; weights are read by `Model.network`."""
    return Model(folder, ModelSpec.read(folder))


def save_model(
    network: keras.Model, architecture: str, folder: Path, provenance: dict[str, Any]
) -> Model:
    """Write a model folder.

    The network was made by ``build(architecture)``, and `provenance` says, JSON-ready, where its
    weights come from. The folder is made if missing, and its name becomes the model's; an older
    model in it is replaced, other files stay.
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


def _facts(spec: ModelSpec, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what is known of a model, in words."""
    yield "network", f"{spec.architecture}, {spec.parameters:,} weights"
    planes = "one plane" if spec.depth == 1 else f"{spec.depth} planes"
    told = "the noise is told to it" if spec.takes_noise else "it guesses the noise"
    yield "takes", f"{planes} for one; {told}"
    yield "sees", f"{spec.receptive_field} px to each side"
    recipe, data = spec.provenance.get("recipe"), spec.provenance.get("data")
    if isinstance(recipe, dict) and "name" in recipe:
        of = f", on {len(data)} stack{'s' * (len(data) != 1)}" if isinstance(data, list) else ""
        yield "trained", f"{recipe.get('steps', '?')} steps by the recipe {recipe['name']}{of}"
    origin = spec.provenance.get("started_from")
    if isinstance(origin, dict):
        yield "started from", str(origin.get("name"))
    if "imported_from" in spec.provenance:
        yield "imported from", str(spec.provenance["imported_from"])
    yield "folder", str(folder)


def _as_text(spec: ModelSpec, folder: Path) -> str:
    """Show a model as a few lines."""
    lines = [f"{name:>13}  {value}" for name, value in _facts(spec, folder)]
    return "\n".join([f"Model {spec.name!r}", *lines])


def _as_html(spec: ModelSpec, folder: Path) -> str:
    """Show a model as a table, and its card to be unfolded; text in it stays text."""
    rows = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(value)}</td></tr>'
        for name, value in _facts(spec, folder)
    )
    table = f"<table><caption><b>{escape(spec.name)}</b></caption>{rows}</table>"
    return f"<div>{table}{_card(folder)}</div>"


def _card(folder: Path) -> str:
    """Show a model's card, if it has one that can be read."""
    from markdown_it import MarkdownIt

    try:
        text = read_card(folder)
    except CrispimError:
        return ""
    if text is None:
        return ""
    options: dict[str, Any] = {"html": False}
    card = MarkdownIt("commonmark", options).enable("table").disable("image").render(text)
    return f"<details><summary>Card</summary>{card}</details>"


def read_card(folder: Path) -> str | None:
    """Read a model's card; None where it has none, CrispimError where it is no text."""
    path = folder / CARD_FILE
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise CrispimError(
            f"{path} can't be read as text in UTF-8 ({error}): save it as such, or remove it."
        ) from error
