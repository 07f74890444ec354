"""Whatever a reader is given, it reads it or refuses it in one sentence: nothing else is raised.

Images are in test_fuzz_planes.py. Seconds here; with ``-m slow`` minutes each.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from hypothesis import strategies as st

from crispim_ij.imagej.model_zip import read_model_zip
from crispim_ij.models import load_model
from crispim_ij.models.keras2 import _faults, _layers, _read
from crispim_ij.models.weights import DamagedFileError, checked_weights, opened_hdf5
from crispim_ij.training.recipe import Recipe, load_recipe
from tests.security.fuzzing import JSON, damaged, fuzzed, tried

RECIPE = [field.name for field in fields(Recipe)]


@fuzzed(st.dictionaries(st.sampled_from(RECIPE) | st.text(max_size=6), JSON) | JSON)
def test_recipes_of_models(tmp_path: Path, values: object) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"recipe": values}), encoding="utf-8")
    tried(lambda: load_recipe(str(path)))


TOML = (Path(__file__).parents[2] / "crispim_ij/training/recipes/paper-2d.toml").read_bytes()


@fuzzed(damaged(TOML) | st.binary(max_size=40) | st.just(b"a=" + b"[" * 50_000))
def test_recipes_of_users(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    tried(lambda: load_recipe(str(path)))


SPEC = {
    "name": "m", "architecture": "paper-2d", "axes": "YXC", "receptive_field": 23, "stride": 4,
    "parameters": 332_641, "sha256": "0" * 64,
}  # fmt: skip


@fuzzed(st.dictionaries(st.sampled_from(list(SPEC)), JSON).map(lambda d: SPEC | d) | JSON)
def test_descriptions_of_models(tmp_path: Path, values: object) -> None:
    (tmp_path / "model.json").write_text(json.dumps(values), encoding="utf-8")

    def read() -> None:
        assert load_model(tmp_path).spec.halo >= 0

    tried(read)


def weights() -> bytes:
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        for k in range(3):
            file[f"layers/conv2d_{k}/vars/0"] = np.ones((3, 3, 1, 2), np.float32)
    return buffer.getvalue()


def archive(content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", "{}")
        file.writestr("model.weights.h5", content)
    return buffer.getvalue()


@fuzzed(damaged(archive(weights())))
def test_archives_of_weights(tmp_path: Path, content: bytes) -> None:
    try:
        with checked_weights(content) as path:
            assert path.stat().st_size > 0
    except DamagedFileError:
        return


SHAPES = st.lists(st.integers(0, 2**40), max_size=4).map(tuple)


@fuzzed(SHAPES, st.sampled_from(["f4", "f8", "u1", "V2", "V9", "S5", "c8"]))
def test_claims_of_hdf5(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        try:
            chunks = tuple(min(side, 4) for side in shape) if shape and 0 not in shape else None
            file.create_dataset("layers/x", shape, dtype, chunks=chunks)
        except (ValueError, MemoryError, OSError):
            return
    try:
        with opened_hdf5(buffer.getvalue()) as file:
            assert file["layers/x"].nbytes <= 2**30
    except DamagedFileError:
        return


@fuzzed(
    JSON
    | st.lists(st.dictionaries(st.sampled_from(["class_name", "config", "inbound_nodes"]), JSON))
)
def test_configs_of_keras(tmp_path: Path, layers: object) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        file.writestr("model.weights.h5", weights())

    def read() -> None:
        with _faults(tmp_path):
            _layers(_read(buffer.getvalue())[0])

    tried(read)


META = {
    "type": "crispim-ij x",
    "axes": "YXC",
    "axes_div_by": [4, 4, 1],
    "tile_overlap": [24, 24, 0],
}


def meta_zip(values: object) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("meta.json", json.dumps(values))
    return buffer.getvalue()


@fuzzed(
    damaged(meta_zip(META))
    | st.dictionaries(st.sampled_from(list(META)), JSON).map(lambda d: meta_zip(META | d))
)
def test_zips_for_fiji(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(content)

    def read() -> None:
        model = read_model_zip(path)
        assert 1 <= model.multiple <= 4096 >= model.overlap >= 0

    tried(read)
