"""Where models are: those that ship, the user's own, and any folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from crispim_ij.bundled import bundled_folder
from crispim_ij.errors import CrispimError, did_you_mean
from crispim_ij.models.folder import Model, load_model
from crispim_ij.models.spec import SPEC_FILE


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
    """Find a model by name or folder.

    Parameters
    ----------
    name : str
        A name that `list_models` knows, or the path of a model folder.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    CrispimError
        If there is none of that name.
    """
    if Path(name).is_dir():
        return load_model(Path(name))
    known = {model.folder.name: model for model in list_models()}
    if name in known:
        return known[name]
    raise CrispimError(f"There is no model {name!r}: {did_you_mean(name, known)}")
