"""Model folders: a network's weights with all that is needed to use and to judge them."""

from crispim_ij.models.folder import (
    Model,
    find_model,
    library_folder,
    list_models,
    load_model,
    save_model,
)
from crispim_ij.models.spec import ModelSpec, SharedNoise

__all__ = [
    "Model",
    "ModelSpec",
    "SharedNoise",
    "find_model",
    "library_folder",
    "list_models",
    "load_model",
    "save_model",
]
