"""Whatever a reader is given, it reads it or refuses it in one sentence: nothing else is raised.

Seconds here; with ``-m slow`` minutes each.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.imagej.model_zip import read_model_zip
from crispim_ij.models import load_model
from crispim_ij.models.keras2 import _faults, _layers, _read
from crispim_ij.models.weights import READ_FAULTS, checked_weights, opened_hdf5
from crispim_ij.planes import open_source
from crispim_ij.training.recipe import Recipe
from crispim_ij.training.recipe_file import load_recipe

QUICK, LONG = 60, 2000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def fuzzed(*strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """Run a test on examples of these: a few, and, marked slow, many."""

    def decorate(test: Callable[..., None]) -> Any:
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

        @pytest.mark.parametrize(
            "examples", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"]
        )
        def run(tmp_path: Path, little_memory: None, examples: int) -> None:
            @settings(max_examples=examples, deadline=None, suppress_health_check=checks)
            @given(st.tuples(*strategies))
            def once(values: tuple[Any, ...]) -> None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    test(tmp_path, *values)

            once()

        run.__doc__ = test.__doc__
        return run

    return decorate


def tried(read: Callable[[], object]) -> None:
    """Read; a refusal is one sentence of one line."""
    try:
        read()
    except CrispimError as error:
        said = str(error)
    else:
        return
    assert said.strip()
    assert len(said.splitlines()) == 1


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A file with bytes exchanged, cut off, put in or doubled."""

    def change(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = bytearray(content)
        for start, length, new in edits:
            at = start % (len(data) + 1)
            data[at : at + length] = new
        return bytes(data)

    edit = st.tuples(st.integers(0, len(content)), st.integers(0, 40), st.binary(max_size=12))
    return st.lists(edit, min_size=1, max_size=4).map(change)


def tiff(**how: Any) -> bytes:
    buffer = BytesIO()
    planes = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)
    tifffile.imwrite(buffer, planes, photometric="minisblack", **how)
    return buffer.getvalue()


IMAGEJ = tiff(
    imagej=True,
    metadata={"axes": "ZYX", "unit": "um", "spacing": 2.0, "min": 1.0, "max": 9.0,
              "Info": "text", "Labels": ["a", "b", "c"]},
)  # fmt: skip
OME = tiff(ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 0.4, "Channel": {"Name": ["n"]}})
PACKED = tiff(compression="zlib", metadata=None)


def read_planes(path: Path) -> None:
    with open_source(path) as planes:
        for k in range(min(len(planes), 3)):
            planes.read(k)
            planes.plane_metadata(k)


@fuzzed(damaged(IMAGEJ) | damaged(OME) | damaged(PACKED))
def test_tiff_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    tried(lambda: read_planes(path))


FIELD = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=12)
KEYS = st.sampled_from(
    ["ImageJ", "images", "channels", "slices", "frames", "hyperstack", "mode", "unit", "spacing",
     "finterval", "min", "max", "order", "loop", "xorigin"]
)  # fmt: skip


@fuzzed(st.dictionaries(KEYS | FIELD, FIELD | st.integers().map(str) | st.floats().map(str)))
def test_what_imagej_says(tmp_path: Path, fields: dict[str, str]) -> None:
    lines = "".join(f"{key}={value}\n" for key, value in {"ImageJ": "1.53q", **fields}.items())
    path = tmp_path / "a.tif"
    plane = np.zeros((3, 8, 9), np.uint16)
    tifffile.imwrite(path, plane, photometric="minisblack", description=lines, metadata=None)
    tried(lambda: read_planes(path))


ATTRIBUTE = st.sampled_from(
    ["SizeZ", "SizeC", "SizeT", "SizeX", "DimensionOrder", "PhysicalSizeX", "PhysicalSizeXUnit",
     "PhysicalSizeZ", "TimeIncrement", "TimeIncrementUnit", "Type"]
)  # fmt: skip
VALUE = st.sampled_from(["XYZCT", "XYCZT", "ZZZZZ", "", "-1", "0", "1", "3", "1e400", "nan", "µm"])


@fuzzed(st.dictionaries(ATTRIBUTE, VALUE), st.sampled_from(["", "<TiffData/>", "<Channel/>", "x"]))
def test_what_ome_says(tmp_path: Path, attributes: dict[str, str], inside: str) -> None:
    said = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="I">'
        f'<Pixels ID="P" {said}>{inside}</Pixels></Image></OME>'
    )
    path = tmp_path / "a.ome.tif"
    plane = np.zeros((3, 8, 9), np.uint16)
    how = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, plane, description=xml.encode(), **how)
    tried(lambda: read_planes(path))


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
    except READ_FAULTS:
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
    except READ_FAULTS:
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
