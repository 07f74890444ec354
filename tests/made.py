"""Folders of models that are made once a process, and copied to where a test wants one."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from crispim_ij.models import Model, load_model, save_model
from crispim_ij.networks import build

_FOLDER = tempfile.TemporaryDirectory(prefix="crispim-ij-tests-")  # until the process ends


def keep_model(network: Any, architecture: str, provenance: dict[str, Any]) -> Model:
    """Write a model that lasts as long as the process."""
    folder = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / architecture
    return save_model(network, architecture, folder, provenance)


@cache
def fresh_model(architecture: str) -> Model:
    """A model that nobody trained, named as its architecture is; its folder is not to be changed.

    As it is the same one for all tests, its network is compiled once.
    """
    return keep_model(build(architecture), architecture, {})


def copy_model(model: Model, folder: Path) -> Model:
    """Write a model of the same weights, named as its folder is."""
    shutil.copytree(model.folder, folder, dirs_exist_ok=True)
    replace(model.spec, name=folder.name).write(folder)
    return load_model(folder)
