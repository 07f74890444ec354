"""What workers denoise has the bytes of a run on one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from crispim_ij.cluster import ClusterClient, denoise_on
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.jobs import Output, denoise_locally, plan_denoising
from crispim_ij.models import Model, find_model, save_model
from crispim_ij.networks import build
from crispim_ij.noise import MEASURED, tell_noise
from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source
from tests.cluster.processes import content
from tests.told import told_model


def both(
    client: ClusterClient,
    source: Path,
    folder: Path,
    name: str,
    model: Model,
    tile: int,
    **settings: Any,
) -> None:
    """Denoise here and on workers, and compare."""
    how, written_as = DenoiseSettings(tile=tile), SinkSettings(**settings)
    (folder / "here").mkdir()
    with open_source(source) as planes:
        here = plan_denoising(planes, [Output(folder / "here" / name, written_as)], model, how)
        list(denoise_locally(here))
        job = plan_denoising(planes, [Output(folder / name, written_as)], model, how)
        assert abs(sum(denoise_on(client, job)) - len(planes)) < 1e-9
    assert len(client.processors) == 1
    assert content(folder / name) == content(folder / "here" / name)
    assert {path.name for path in folder.iterdir()} == {"here", name}


@pytest.mark.parametrize(
    ("name", "compression"),
    [
        ("out", "none"),
        pytest.param("out", "zlib", marks=pytest.mark.long),
        pytest.param("o.tif", "none", marks=pytest.mark.long),
        ("o.tif", "zstd"),
    ],
)
def test_tiffs(
    client: ClusterClient, planes: Path, model: Model, tmp_path: Path, name: str, compression: str
) -> None:
    both(client, planes, tmp_path, name, model, 16, compression=compression)


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(ZarrSettings(chunk=16), marks=pytest.mark.long),
        pytest.param(ZarrSettings(chunk=16, pyramid=True), marks=pytest.mark.long),
        ZarrSettings(chunk=16, shard=32, pyramid=True),
    ],
)
def test_ome_zarr(
    client: ClusterClient, planes: Path, model: Model, tmp_path: Path, layout: ZarrSettings
) -> None:
    dtype = np.dtype("float32")
    both(client, planes, tmp_path, "out.zarr", model, 24, zarr=layout, dtype=dtype)


@pytest.mark.long
@pytest.mark.parametrize("name", ["out", "out.zarr"])
@pytest.mark.parametrize("kind", ["crispim-3d", pytest.param("paper-3d", marks=pytest.mark.slow)])
def test_3d_of_a_hyperstack(client: ClusterClient, tmp_path: Path, kind: str, name: str) -> None:
    if kind == "crispim-3d":
        model = find_model(kind)
    else:
        model = save_model(build(kind), kind, tmp_path / "model", {})
    stack = np.random.default_rng(0).gamma(4, 60, (5, 2, 32, 40)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    (tmp_path / "there").mkdir()
    layout = ZarrSettings(chunk=32)
    both(client, tmp_path / "in.tif", tmp_path / "there", name, model, 32, zarr=layout)


@pytest.fixture(
    scope="module",
    params=["stabilised-2d", "stabilised-2.5d"],
)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that is told the noise; workers load it once."""
    return told_model(tmp_path_factory.mktemp("models") / "told", request.param)


@pytest.mark.long
@pytest.mark.parametrize("name", ["out", "out.zarr"])
def test_a_model_that_is_told_the_noise(
    client: ClusterClient, tmp_path: Path, told: Model, name: str
) -> None:
    """Of each channel its own."""
    rng = np.random.default_rng(0)
    stack = np.stack([rng.normal(300, sd, (4, 64, 72)) for sd in (10, 50)], axis=1)
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, stack.round().astype(np.uint16), imagej=True, metadata={"axes": "ZCYX"})
    with open_source(path) as source:
        sds = [noise.read_noise for noise in tell_noise(source, MEASURED).channels]
    assert sds == pytest.approx([10, 50], rel=0.1)
    (tmp_path / "there").mkdir()
    both(client, path, tmp_path / "there", name, told, 32, zarr=ZarrSettings(chunk=32))


def test_from_an_ome_zarr(
    client: ClusterClient, planes: Path, model: Model, tmp_path: Path
) -> None:
    with (
        open_source(planes) as source,
        create_sink(
            tmp_path / "in.zarr", source, SinkSettings(zarr=ZarrSettings(chunk=16))
        ) as sink,
    ):
        for k in range(len(source)):
            sink.write(k, source.read(k))
    (tmp_path / "there").mkdir()
    both(client, tmp_path / "in.zarr", tmp_path / "there", "out", model, 16)
