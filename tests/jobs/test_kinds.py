"""What microscopes write keeps its planes, axes and sizes through each job into each format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.errors import CrispimError
from crispim_ij.jobs import (
    Output,
    denoise_locally,
    plan_denoising,
    plan_preprocessing,
    preprocess_locally,
)
from crispim_ij.models import Model
from crispim_ij.noise.suitability import misfits
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import open_source
from crispim_ij.planes.units import Size
from crispim_ij.preprocessing import PreprocessSettings
from crispim_ij.previewing.inspection import inspect_path
from tests.made import fresh_model
from tests.planes.vendors import (
    bare_tags,
    bruker,
    micro_manager,
    ome,
    pages,
    pixels_xml,
    placed,
    planes,
    positions,
    stk,
    tiff,
)

UM = {"X": Size(0.65, "µm"), "Y": Size(0.65, "µm"), "Z": Size(2.0, "µm")}
IMAGEJ = "ImageJ=1.53f\nimages={n}\nslices={n}\nunit=micron\nspacing=-2.0\n"


class Kind(NamedTuple):
    """What writes an input into a folder and returns it, and what is right."""

    write: Callable[[Path], Path]
    truth: NDArray[np.generic]
    axes: Mapping[str, int] = {"Z": 4}
    steps: Mapping[str, Size] = {}


def _sidecar(folder: Path) -> Path:
    for k, plane in enumerate(planes(4)):
        name = f"img_channel000_position000_time000000000_z{k:03}.tif"
        tifffile.imwrite(folder / name, plane)
    (folder / "metadata.txt").write_text("{}")
    return folder


def _claims_more(folder: Path) -> Path:
    for k, plane in enumerate(planes(4)):
        text = IMAGEJ.format(n=10)
        pages(folder / f"z{k}.tif", plane[None], text, resolution=(1 / 0.65, 1 / 0.65))
    return folder


def _minutes(folder: Path) -> Path:
    text = "ImageJ=1.53q\nimages=4\nframes=4\nunit=um\nfinterval=5.0\ntunit=min\n"
    pages(folder / "a.tif", planes(4), text, resolution=(1 / 0.65, 1 / 0.65))
    return folder / "a.tif"


def _micro_manager(folder: Path) -> Path:
    said = {"PixelSize_um": 0.65, "z-step_um": 2.0}
    micro_manager(folder / "run_MMStack_Pos0.ome.tif", planes(4), 2, 2, **said)
    return folder / "run_MMStack_Pos0.ome.tif"


def _bruker(folder: Path) -> Path:
    bruker(folder / "b")
    return folder / "b"


def _companion(folder: Path) -> Path:
    names = [f"set_{k}.ome.tif" for k in (3, 2, 1, 0)]
    data = "".join(placed(0, (name, f"urn:uuid:{k}"), Z=k) for k, name in enumerate(names))
    for k, name in enumerate(names):
        only = '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/>'
        pages(folder / name, planes(4)[k : k + 1], ome(f"urn:uuid:{k}", only))
    (folder / "set.companion.ome").write_text(ome("urn:uuid:9", pixels_xml(0, {"Z": 4}, data)))
    return folder


def _position(folder: Path) -> Path:
    positions(folder)
    return folder / "p1.ome.tif"


def _stopped(folder: Path) -> Path:
    data = "".join(placed(k, Z=k % 3, T=k // 3) for k in range(4))
    pages(folder / "a.ome.tif", planes(4), ome("", pixels_xml(0, {"Z": 3, "T": 3}, data)))
    return folder / "a.ome.tif"


def _units(folder: Path) -> Path:
    sizes = 'PhysicalSizeX="650" PhysicalSizeXUnit="nm" PhysicalSizeZ="2e-5" PhysicalSizeZUnit="dm"'
    image = pixels_xml(0, {"Z": 4}, "".join(placed(k, Z=k) for k in range(4)))
    pages(folder / "a.ome.tif", planes(4), ome("", image.replace("Type=", f"{sizes} Type=")))
    return folder / "a.ome.tif"


def _no_photometric(folder: Path) -> Path:
    plane = planes(1)[0]
    (folder / "a.tif").write_bytes(tiff(bare_tags(plane.nbytes), plane.tobytes()))
    return folder / "a.tif"


def _stk(folder: Path) -> Path:
    stk(folder / "a.stk", planes(4), [488] * 4, [2, 2, 2, 2])
    return folder / "a.stk"


def _float64(folder: Path) -> Path:
    pages(folder / "a.tif", planes(4).astype(np.float64))
    return folder / "a.tif"


def _planar(folder: Path) -> Path:
    how = {"photometric": "minisblack", "planarconfig": "separate"}
    tifffile.imwrite(folder / "a.tif", planes(3), **how)
    return folder / "a.tif"


def _zarr(folder: Path) -> Path:
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "z", "type": "space", "unit": "micron"},
        *({"name": axis, "type": "space", "unit": "um"} for axis in "yx"),
    ]
    steps = [
        {"type": "scale", "scale": [30, 2, 0.65, 0.65]},
        {"type": "translation", "translation": [0, 0, 1234.5, 987]},
    ]
    data = [{"path": "0", "coordinateTransformations": steps}]
    group = zarr.create_group(folder / "a.zarr", zarr_format=2)
    pixels = planes(4).reshape(2, 2, *planes(1).shape[1:])
    group.create_array("0", data=pixels, chunks=(1, 1, *pixels.shape[2:]))
    said = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": data}]}
    (folder / "a.zarr/.zattrs").write_text(json.dumps(said))
    return folder / "a.zarr"


KINDS = {
    "a folder with a sidecar": Kind(_sidecar, planes(4)),
    "planes that claim more": Kind(_claims_more, planes(4), steps=UM),
    "minutes": Kind(
        _minutes, planes(4), {"T": 4}, {"X": UM["X"], "Y": UM["Y"], "T": Size(5, "min")}
    ),
    "an index of planes": Kind(_micro_manager, planes(4), {"Z": 2, "C": 2}, UM),
    "planes that point to the first": Kind(_bruker, planes(4)),
    "a companion file": Kind(_companion, planes(4)),
    "a position of a set": Kind(_position, planes(6, 1300), {"Z": 6}),
    "an acquisition that was stopped": Kind(_stopped, planes(4), {"T": 4}),
    "a unit for each axis": Kind(
        _units, planes(4), steps={"X": Size(0.65, "µm"), "Z": Size(2.0, "µm")}
    ),
    "no photometric tag": Kind(_no_photometric, planes(1), {}),
    "stk": Kind(_stk, planes(4), steps={"Z": Size(2.0, "µm")}),
    "float64": Kind(_float64, planes(4).astype(np.float32)),
    "grey samples": Kind(_planar, planes(3), {"C": 3}),
    "an ome-zarr": Kind(_zarr, planes(4), {"T": 2, "Z": 2}, {**UM, "T": Size(30, "s")}),
}


@pytest.fixture(scope="module")
def model() -> Model:
    """A model that changes planes by little, as nobody trained it."""
    return fresh_model("residual-2d")


def check(path: Path, kind: Kind, off: float) -> None:
    """Compare what is read of an output, whose counts may be some off."""
    with open_source(path) as source:
        found = np.stack([source.read(k) for k in range(len(source))])
        metadata = source.metadata
    assert found.dtype == kind.truth.dtype
    sizes = {axis: size for axis, size in metadata.lengths.items() if size > 1}
    assert sizes == kind.axes, path
    np.testing.assert_allclose(found, kind.truth, rtol=0, atol=off)
    check_steps(metadata.steps, kind)
    assert metadata.photometric == 1


def check_steps(steps: Mapping[str, Size], kind: Kind) -> None:
    """Compare sizes, each in a unit of its own."""
    assert steps.keys() == kind.steps.keys()
    for axis, step in kind.steps.items():
        assert steps[axis].within(step.unit) == pytest.approx(step.value)


def check_inspection(path: Path, kind: Kind) -> None:
    """Compare what `inspect` says of an input."""
    inspection = inspect_path(path)
    assert inspection.contents is not None
    assert inspection.contents.planes == len(kind.truth)
    axes = inspection.contents.axes
    assert {axis: size for axis, size in axes.items() if size > 1} == kind.axes
    check_steps(inspection.contents.steps, kind)
    assert not any(inspection.refusals.values())


@pytest.mark.parametrize("name", KINDS)
def test_kinds(tmp_path: Path, model: Model, name: str) -> None:
    kind = KINDS[name]
    (tmp_path / "in").mkdir()
    path = kind.write(tmp_path / "in")
    check_inspection(path, kind)
    for output in ("denoised.tif", "denoised", "denoised.zarr"):
        with open_source(path) as source:
            outputs = [Output(tmp_path / output)]
            for _ in denoise_locally(plan_denoising(source, outputs, model, DenoiseSettings())):
                pass
        check(tmp_path / output, kind, 9)
    settings = PreprocessSettings(factor=1, noise_sd=(0, 0), seed=1)
    with open_source(path) as source:
        outputs = [Output(tmp_path / "preprocessed.tif")]
        for _ in preprocess_locally(plan_preprocessing(source, outputs, settings, NativeImageJ)):
            pass
    check(tmp_path / "preprocessed.tif", kind, 0)


def test_a_damaged_plane_is_named(tmp_path: Path, model: Model) -> None:
    for k, plane in enumerate(planes(3)):
        tifffile.imwrite(tmp_path / f"z{k}.tif", plane, compression="zlib")
    with tifffile.TiffFile(tmp_path / "z2.tif") as tif:
        offset = tif.pages.first.dataoffsets[0]
    content = bytearray((tmp_path / "z2.tif").read_bytes())
    content[offset : offset + 40] = bytes(40)
    (tmp_path / "z2.tif").write_bytes(content)
    with open_source(tmp_path) as source:
        job = plan_denoising(source, [Output(tmp_path / "../o.zarr")], model, DenoiseSettings())
        with pytest.raises(CrispimError, match=r"z2\.tif' is not a TIFF that can be read"):
            list(denoise_locally(job))


def test_values_from_0_to_1_are_said_to_be_no_counts(tmp_path: Path, model: Model) -> None:
    trained = replace(model.spec, provenance={"recipe": {"noise_sd": [10, 60]}})
    values = np.random.default_rng(0).normal(400, 25, (2, 64, 80)) / 65535
    pages(tmp_path / "a.tif", values.astype(np.float32))
    with open_source(tmp_path / "a.tif") as source:
        (said, *_) = misfits(source, replace(model, spec=trained))
    assert "these are no counts" in said
