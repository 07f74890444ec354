from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.exporting import ExportSettings, Format, export_model
from crispim_ij.models import Model, find_model, load_model
from crispim_ij.networks import ARCHITECTURES
from crispim_ij.noise import CameraNoise, camera_as_text
from tests.exporting.random_models import random_model
from tests.imagej.tfjava.harness import LikeCsbdeep, skip_without_library


class Exports:
    """Models by name, random ones for the names of architectures, and their zips."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def model(self, name: str) -> Model:
        """Find or make a model."""
        if name not in ARCHITECTURES:
            return find_model(name)
        if (self.folder / name).exists():
            return load_model(self.folder / name)
        return random_model(name, self.folder)

    def zip(
        self, model: Model, form: Format = Format.CSBDEEP, noise: CameraNoise | None = None
    ) -> Path:
        """Export a model, once."""
        told = "" if noise is None else f"-{camera_as_text(noise).replace(':', '-')}"
        path = self.folder / f"{model.folder.name}-{form.value}{told}.zip"
        if not path.exists():
            export_model(model, path, ExportSettings(form, noise=noise))
        return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="session")
def like_csbdeep(tmp_path_factory: pytest.TempPathFactory) -> LikeCsbdeep:
    skip_without_library()
    return LikeCsbdeep(tmp_path_factory.mktemp("classes"))
