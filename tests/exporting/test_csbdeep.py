from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from crispim_ij.errors import CrispimError
from crispim_ij.exporting import csbdeep
from crispim_ij.exporting.units import with_noise
from crispim_ij.exporting.v1_zip import copy_checked, run_zip
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise


@pytest.fixture(scope="module")
def flat_zip(flat_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each 2D architecture, written."""
    path = tmp_path_factory.mktemp("flat") / "model.zip"
    csbdeep.write(flat_model, path)
    return path


@pytest.fixture(scope="module")
def deep_zip(deep_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each 3D architecture, written for whole stacks."""
    path = tmp_path_factory.mktemp("deep") / "stack.zip"
    csbdeep.write_stack(deep_model, path)
    return path


@pytest.fixture(scope="module")
def paper_zip(paper_2d: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "model.zip"
    csbdeep.write(paper_2d, path)
    return path


@pytest.fixture(scope="module")
def stack_zip(paper_3d: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stack") / "stack.zip"
    csbdeep.write_stack(paper_3d, path)
    return path


WRITE = """
from pathlib import Path
from crispim_ij.exporting import csbdeep
from crispim_ij.models import load_model
csbdeep.{write}(load_model(Path({folder!r})), Path({path!r}))
"""


def check_same_elsewhere(write: str, model: Model, folder: Path) -> None:
    """Write here, where Keras has numbered other layers before, and in a new process."""
    getattr(csbdeep, write)(model, folder / "here.zip")
    there = folder / "there.zip"
    code = WRITE.format(write=write, folder=str(model.folder), path=str(there))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "random"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert there.read_bytes() == (folder / "here.zip").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("flat_model", ["paper-2d", "residual-2d"], indirect=True)
def test_same_model_same_zip(flat_model: Model, tmp_path: Path) -> None:
    check_same_elsewhere("write", flat_model, tmp_path)


@pytest.mark.slow
def test_same_3d_model_same_zip(paper_3d: Model, tmp_path: Path) -> None:
    check_same_elsewhere("write_stack", paper_3d, tmp_path)


def test_all_lies_at_the_root(paper_zip: Path) -> None:
    with zipfile.ZipFile(paper_zip) as archive:
        assert archive.namelist() == ["saved_model.pb", "meta.json"]
        assert archive.testzip() is None


def test_what_the_plugin_looks_for(paper_zip: Path) -> None:
    saved = saved_model_pb2.SavedModel()
    with zipfile.ZipFile(paper_zip) as archive:
        saved.ParseFromString(archive.read("saved_model.pb"))
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    signature = graph.signature_def["serving_default"]
    for (tensor,) in (signature.inputs.values(), signature.outputs.values()):
        assert [axis.size for axis in tensor.tensor_shape.dim] == [-1, -1, -1, 1]
    assert {node.op for node in graph.graph_def.node}.isdisjoint({"VarHandleOp", "ReadVariableOp"})
    assert not graph.graph_def.library.function


def test_z_of_a_stack_is_called_fixed(deep_model: Model, deep_zip: Path, tmp_path: Path) -> None:
    """The plugin would cut or lengthen an axis of any length."""
    saved = saved_model_pb2.SavedModel()
    with zipfile.ZipFile(deep_zip) as archive:
        saved.ParseFromString(archive.read("saved_model.pb"))
    signature = saved.meta_graphs[0].signature_def["serving_default"]
    for (tensor,) in (signature.inputs.values(), signature.outputs.values()):
        sizes = [axis.size for axis in tensor.tensor_shape.dim]
        assert sizes == [-1, deep_model.spec.depth, -1, -1, 1]
    copy_checked(deep_zip, tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == deep_zip.read_bytes()


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 60, 100), (3, 8, 12)])
def test_any_size(flat_model: Model, flat_zip: Path, shape: tuple[int, ...]) -> None:
    batch = np.random.default_rng(0).uniform(0, 2000, (*shape, 1)).astype(np.float32)
    expected = np.asarray(flat_model.network()(batch))
    np.testing.assert_allclose(run_zip(flat_zip, batch), expected, atol=1e-2)


def read_meta(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        meta: dict[str, object] = json.loads(archive.read("meta.json"))
    return meta


def test_meta_of_a_flat_model(flat_model: Model, flat_zip: Path) -> None:
    meta = read_meta(flat_zip)
    halo = {"paper-2d": 24, "residual-2d": 32}[flat_model.spec.architecture]
    assert meta["type"] == f"crispim-ij {flat_model.spec.architecture}"
    assert meta["axes"] == meta["axes_out"] == "YXC"
    assert meta["axes_div_by"] == [4, 4, 1]
    assert meta["tile_overlap"] == [halo, halo, 0]


@pytest.mark.long
def test_meta_of_a_3d_model(paper_3d: Model, stack_zip: Path, tmp_path: Path) -> None:
    csbdeep.write(paper_3d, tmp_path / "model.zip")
    meta, of_stack = read_meta(tmp_path / "model.zip"), read_meta(stack_zip)
    assert (meta["axes"], meta["axes_out"]) == ("ZYXC", "YXC")
    assert (of_stack["axes"], of_stack["axes_out"]) == ("ZYXC", "ZYXC")
    assert (meta["axes_div_by"], meta["tile_overlap"]) == ([16, 8, 8, 1], [0, 56, 56, 0])
    assert (of_stack["axes_div_by"], of_stack["tile_overlap"]) == ([1, 8, 8, 1], [8, 56, 56, 0])


@pytest.mark.parametrize("noise", [None, CameraNoise(0, 0, 35)])
def test_meta_of_a_model_that_is_told_the_noise(
    stabilised_2d: Model, tmp_path: Path, noise: CameraNoise | None
) -> None:
    csbdeep.write(with_noise(stabilised_2d, noise), tmp_path / "model.zip")
    meta = read_meta(tmp_path / "model.zip")
    assert meta["axes_div_by"] == [8, 8, 1]
    assert meta["tile_overlap"] == [stabilised_2d.spec.halo] * 2 + [0]
    if noise:
        assert (meta["noise"], meta.get("input_scaling")) == ("0:0:35", None)
        assert str(meta["description"]).startswith("raw counts in, raw counts out, of the noise")
    else:
        assert (meta.get("noise"), meta["input_scaling"]) == (None, "noise")
        assert str(meta["description"]).startswith("values whose noise has a standard deviation")


@pytest.mark.long
def test_graphs_of_models_that_are_told_the_noise_are_copied(
    stabilised_2d: Model, tmp_path: Path
) -> None:
    csbdeep.write(with_noise(stabilised_2d, CameraNoise(2, 100, 3)), tmp_path / "model.zip")
    copy_checked(tmp_path / "model.zip", tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == (tmp_path / "model.zip").read_bytes()


@pytest.mark.parametrize("depth", [1, 5, 19])
def test_a_stack_is_mirrored_at_both_ends(deep_model: Model, deep_zip: Path, depth: int) -> None:
    stack = np.random.default_rng(0).uniform(0, 2000, (depth, 8, 16)).astype(np.float32)
    window = deep_model.spec.depth
    before, after = window // 2, window - 1 - window // 2
    mirrored = np.pad(stack, ((before, after), (0, 0), (0, 0)), mode="symmetric")
    windows = np.stack([mirrored[z : z + window] for z in range(depth)])
    expected = np.asarray(deep_model.network()(windows[..., np.newaxis]))[..., 0]
    result = run_zip(deep_zip, stack[np.newaxis, ..., np.newaxis])[0, ..., 0]
    np.testing.assert_allclose(result, expected, atol=1e-2)


def test_a_flat_model_has_no_stack_form(paper_2d: Model, tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"is a 2D model, .* --format csbdeep"):
        csbdeep.write_stack(paper_2d, tmp_path / "stack.zip")


@pytest.mark.usefixtures("deep_zip")
def test_loops_of_version_2_come_back() -> None:
    assert tf.compat.v1.control_flow_v2_enabled()
