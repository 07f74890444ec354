"""What an image file says of itself reaches no other file, fills no memory, ends no run badly."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source
from crispim_ij.planes.atomic import partial_path, whole_file

SECRET, OWN = 777, 5
OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="16" SizeY="16" '
    'SizeZ="{planes}" SizeC="1" SizeT="1">{inside}</Pixels></Image></OME>'
)


def ome_tiff(path: Path, xml: str) -> Path:
    """Three planes, described by this XML."""
    with tifffile.TiffWriter(path) as tif:
        for k in range(3):
            plane = np.full((16, 16), OWN, np.uint16)
            tif.write(plane, description=xml if k == 0 else None, metadata=None, contiguous=False)
    return path


def copied(source: Path, output: Path) -> Path:
    with open_source(source) as planes, create_sink(output, planes, SinkSettings()) as sink:
        for k in range(len(planes)):
            sink.write(k, planes.read(k))
    return output


@pytest.mark.parametrize("name", ["../secret.ome.tif", "secret.ome.tif", "ABSOLUTE"])
def test_ome_xml_reads_no_other_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        tifffile.imwrite(folder / "secret.ome.tif", np.full((3, 16, 16), SECRET, np.uint16))
    place = str(tmp_path / "secret.ome.tif") if name == "ABSOLUTE" else name
    data = "".join(
        f'<TiffData IFD="{k}" FirstZ="{k}" PlaneCount="1"><UUID FileName="{place}">urn:uuid:1'
        "</UUID></TiffData>"
        for k in range(3)
    )
    path = ome_tiff(tmp_path / "in/a.ome.tif", OME.format(planes=3, inside=data))
    with open_source(path) as planes:
        for k in range(len(planes)):
            assert planes.read(k).max() == OWN


ENTITIES = {
    "bomb": '<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
    "file": '<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "net": '<!DOCTYPE o SYSTEM "http://localhost:9/x.dtd">',
    "parameter": '<!DOCTYPE o [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>',
}


@pytest.mark.parametrize("kind", ENTITIES)
@pytest.mark.parametrize("before", ["", '<?xml version="1.0" encoding="UTF-16"?>', "\ufeff"])
def test_entities_are_not_expanded(tmp_path: Path, kind: str, before: str) -> None:
    inside = '<TiffData/><Channel Name="&amp;a;"/>'
    xml = before + ENTITIES[kind] + OME.format(planes=3, inside=inside)
    path = ome_tiff(tmp_path / "a.ome.tif", xml.encode() if before else xml)
    with pytest.raises(CrispimError, match=r"DOCTYPE|damaged"), open_source(path):
        pytest.fail("it was opened")


def test_ome_xml_nested_without_end_is_refused(tmp_path: Path) -> None:
    inside = "<TiffData/>" + "<a>" * 50_000 + "</a>" * 50_000
    path = ome_tiff(tmp_path / "a.ome.tif", OME.format(planes=3, inside=inside))
    with pytest.raises(CrispimError, match=r"a.ome.tif"):
        copied(path, tmp_path / "out.ome.tif")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("planes", [10**12, 10**30])
def test_planes_without_number_are_refused(tmp_path: Path, planes: int) -> None:
    path = ome_tiff(tmp_path / "a.ome.tif", OME.format(planes=planes, inside="<TiffData/>"))
    with pytest.raises(CrispimError, match=r"a.ome.tif"), open_source(path):
        pytest.fail("it was opened")


class Marks:
    """Unpickled, makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, int]]:
        return os.mkdir, (str(self.mark), 0o700)


def ome_zarr(path: Path, *, name: str = "0", chunk: bytes = b"", **array: Any) -> Path:
    """An OME-Zarr 0.4 of two planes, altered."""
    (path / "0").mkdir(parents=True)
    axes = [{"name": axis, "type": "space"} for axis in "zyx"]
    scale = {"type": "scale", "scale": [1, 1, 1]}
    datasets = [{"path": name, "coordinateTransformations": [scale]}]
    multiscales = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"multiscales": multiscales}))
    described = {
        "zarr_format": 2, "shape": [2, 8, 8], "chunks": [1, 8, 8], "dtype": "<u2", "order": "C",
        "fill_value": OWN, "filters": None, "compressor": None, "dimension_separator": ".",
    }  # fmt: skip
    (path / "0/.zarray").write_text(json.dumps(described | array))
    if chunk:
        (path / "0/0.0.0").write_bytes(chunk)
    return path


@pytest.mark.parametrize(
    "array",
    [
        {"filters": [{"id": "pickle"}]},
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "delta", "dtype": "<u2"}, {"id": "pickle"}]},
        {"filters": [{"id": "pickle"}], "dtype": "|O"},
        {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "dtype": "|O"},
        {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}, "dtype": "|O"},
    ],
)
def test_a_pickle_in_a_zarr_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, array: dict[str, Any]
) -> None:
    # Old numcodecs loads pickles without being told to.
    pickles = pytest.importorskip("numcodecs.pickles")
    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    mark = tmp_path / "it-ran"
    path = ome_zarr(tmp_path / "a.zarr", chunk=pickle.dumps(Marks(mark)), **array)
    with pytest.raises(CrispimError, match=r"a.zarr"), open_source(path) as planes:
        planes.read(0)
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    ["../other.zarr/0", "ABSOLUTE", "0/../../other.zarr/0", "..\\other.zarr\\0", "C:\\x"],
)
def test_a_zarr_reads_no_arrays_of_others(tmp_path: Path, name: str) -> None:
    other = ome_zarr(tmp_path / "other.zarr", fill_value=SECRET)
    place = str(other / "0") if name == "ABSOLUTE" else name
    path = ome_zarr(tmp_path / "a.zarr", name=place)
    with pytest.raises(CrispimError, match=r"a.zarr"), open_source(path) as planes:
        planes.read(0)


def test_an_honest_zarr_is_read(tmp_path: Path) -> None:
    with open_source(ome_zarr(tmp_path / "a.zarr")) as planes:
        assert planes.read(1).tolist() == [[OWN] * 8] * 8


@pytest.mark.usefixtures("little_memory")
def test_a_zarr_of_planes_without_number_is_refused(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", shape=[10**13, 8, 8])
    with pytest.raises(CrispimError, match=r"a.zarr"), open_source(path):
        pytest.fail("it was opened")


@pytest.mark.usefixtures("little_memory")
def test_a_chunk_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", shape=[2, 10**7, 10**7], chunks=[1, 10**7, 10**7])
    with open_source(path) as planes, pytest.raises(CrispimError, match=r"a.zarr.*memory"):
        planes.read_region(0, slice(0, 8), slice(0, 8))


@pytest.mark.parametrize(
    "said",
    [{"omero": [1]}, {"omero": {"channels": 3}}, {"omero": {"channels": [{"window": [1]}]}}],
)
def test_odd_display_settings_are_left_out(tmp_path: Path, said: dict[str, Any]) -> None:
    path = ome_zarr(tmp_path / "a.zarr")
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps(attributes | said))
    with open_source(copied(path, tmp_path / "out.tif")) as planes:
        assert planes.read(1).max() == OWN


@pytest.mark.parametrize("size", [0, -1, 1e400, float("nan")])
def test_pixels_without_size_are_refused(tmp_path: Path, size: float) -> None:
    path = ome_zarr(tmp_path / "a.zarr")
    text = (path / ".zattrs").read_text().replace("[1, 1, 1]", json.dumps([1, 1, size]))
    (path / ".zattrs").write_text(text)
    with pytest.raises(CrispimError, match=r"a.zarr"), open_source(path):
        pytest.fail("it was opened")


@pytest.mark.parametrize("file", [".zattrs", "0/.zarray"])
def test_zarr_json_nested_without_end_is_refused(tmp_path: Path, file: str) -> None:
    path = ome_zarr(tmp_path / "a.zarr")
    (path / file).write_text("[" * 100_000)
    with pytest.raises(CrispimError, match=r"a.zarr"), open_source(path):
        pytest.fail("it was opened")


@pytest.mark.skipif(os.name == "nt", reason="making links needs a right on Windows")
def test_a_link_under_the_hidden_name_is_not_followed(tmp_path: Path) -> None:
    """Whoever may write to the output's folder can't have another file overwritten."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    partial_path(tmp_path / "out.tif").symlink_to(victim)
    with whole_file(tmp_path / "out.tif") as part:
        part.write_text("planes")
    assert victim.read_text() == "mine"
    assert (tmp_path / "out.tif").read_text() == "planes"
    assert not (tmp_path / "out.tif").is_symlink()


@pytest.mark.usefixtures("little_memory")
def test_imagejs_count_counts_where_planes_lie_one_after_another(tmp_path: Path) -> None:
    """A page in strips that don't touch is one plane, whatever 'images=' says."""
    path = tmp_path / "a.tif"
    said = "ImageJ=1.53q\nimages=1000000000000\n"
    plane = np.full((16, 16), OWN, np.uint16)
    tifffile.imwrite(path, plane, rowsperstrip=8, description=said, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        offsets = tif.pages.first.tags["StripOffsets"]
        offsets.overwrite(list(reversed(offsets.value)))
    with open_source(path) as planes:
        assert len(planes) == 1
