"""Whatever an image file holds, it is read, and can be written, or refused in one sentence.

Seconds here; with ``-m slow`` minutes each.
"""

from __future__ import annotations

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hypothesis import strategies as st
from imagecodecs import png_encode

from crispim_ij.planes import SinkSettings, create_sink, open_source
from tests.security.fuzzing import JSON, damaged, fuzzed, tried


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
PNG = png_encode(np.arange(8 * 9, dtype=np.uint16).reshape(8, 9))


def copied(path: Path) -> None:
    """Read planes and write them, with what is said of them, in all formats."""
    with open_source(path) as planes:
        if planes.shape[0] > 8 or math.prod(planes.shape[1:]) > 2**16:
            planes.read_region(len(planes) - 1, slice(0, 1), slice(0, 1))
            return
        pixels = [planes.read(k) for k in range(len(planes))]
        for name in ("out", "out.ome.tif", "out.zarr"):
            output = path.parent / "copies" / name
            with create_sink(output, planes, SinkSettings(overwrite=True)) as sink:
                for k, plane in enumerate(pixels):
                    sink.write(k, plane)
            if output.suffix:
                with open_source(output) as again:
                    assert (again.read(0) == pixels[0]).all()


@fuzzed(damaged(IMAGEJ) | damaged(OME) | damaged(PACKED))
def test_tiff_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    tried(lambda: copied(path))


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
    tried(lambda: copied(path))


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
    tried(lambda: copied(path))


@fuzzed(JSON | st.fixed_dictionaries({"shape": st.lists(st.integers(0, 2**40), max_size=4)}))
def test_what_tifffile_says(tmp_path: Path, said: object) -> None:
    path = tmp_path / "a.tif"
    plane = np.zeros((3, 8, 9), np.uint16)
    how = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, plane, description=json.dumps(said), contiguous=True, **how)
    tried(lambda: copied(path))


@fuzzed(damaged(PNG))
def test_png_files(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "planes"
    folder.mkdir(exist_ok=True)
    (folder / "1.png").write_bytes(content)
    tried(lambda: copied(folder))


AXES = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
SCALE = [{"type": "scale", "scale": [2, 0.5, 0.5]}]
NUMBER = st.floats() | st.integers()
ENTRIES = {
    "axes": JSON | st.lists(st.sampled_from(["t", "c", "z", "y", "x"]), max_size=5),
    "datasets": JSON | st.just([{"path": "1"}]),
    "coordinateTransformations": JSON | st.builds(
        lambda scale: [{"type": "scale", "scale": scale}],
        st.lists(NUMBER, min_size=3, max_size=3),
    ),
    "name": JSON,
    "version": JSON,
}  # fmt: skip
OMERO = JSON | st.builds(
    lambda windows: {"channels": [{"window": window} for window in windows]},
    st.lists(JSON | st.fixed_dictionaries({"start": NUMBER, "end": NUMBER}), max_size=2),
)
SIDES = st.lists(st.integers(0, 9) | st.integers(-(2**70), 2**70), min_size=2, max_size=4)
ARRAY = {
    "zarr_format": JSON,
    "shape": JSON | SIDES,
    "chunks": JSON | SIDES,
    "dtype": JSON | st.sampled_from(["<u2", ">u2", "<f4", "|u1", "|b1", "<c8", "<M8[s]", "|V3"]),
    "order": JSON | st.sampled_from(["C", "F"]),
    "fill_value": JSON,
    "filters": JSON,
    "compressor": JSON | st.sampled_from([{"id": "zlib"}, {"id": "blosc"}, {"id": "zstd"}]),
    "dimension_separator": JSON,
}  # fmt: skip


def ome_zarr(path: Path, image: Any, attributes: Any, array: Any) -> None:
    """An OME-Zarr 0.4 of two planes, altered."""
    (path / "0").mkdir(parents=True, exist_ok=True)
    multiscale = {
        "version": "0.4",
        "axes": AXES,
        "datasets": [{"path": "0", "coordinateTransformations": SCALE}],
    }
    described = {
        "zarr_format": 2, "shape": [2, 8, 8], "chunks": [1, 8, 8], "dtype": "<u2", "order": "C",
        "fill_value": 5, "filters": None, "compressor": None, "dimension_separator": "/",
    }  # fmt: skip
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    said = {"multiscales": [multiscale | image]} | attributes
    (path / ".zattrs").write_text(json.dumps(said))
    (path / "0/.zarray").write_text(json.dumps(described | array))


@fuzzed(
    st.fixed_dictionaries({}, optional=ENTRIES),
    st.fixed_dictionaries({}, optional={"omero": OMERO, "multiscales": JSON, "version": JSON}),
)
def test_what_an_ome_zarr_says(tmp_path: Path, image: Any, attributes: Any) -> None:
    ome_zarr(tmp_path / "a.zarr", image, attributes, {})
    tried(lambda: copied(tmp_path / "a.zarr"))


@fuzzed(st.fixed_dictionaries({}, optional=ARRAY))
def test_what_a_zarr_says_of_its_array(tmp_path: Path, array: Any) -> None:
    ome_zarr(tmp_path / "a.zarr", {}, {}, array)
    tried(lambda: copied(tmp_path / "a.zarr"))


CODECS = ["zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc"]


@fuzzed(st.sampled_from([None, *({"id": name} for name in CODECS)]), st.binary(max_size=200))
def test_chunks_of_a_zarr(tmp_path: Path, compressor: Any, content: bytes) -> None:
    ome_zarr(tmp_path / "a.zarr", {}, {}, {"compressor": compressor})
    (tmp_path / "a.zarr/0/0/0").mkdir(parents=True, exist_ok=True)
    (tmp_path / "a.zarr/0/0/0/0").write_bytes(content)
    tried(lambda: copied(tmp_path / "a.zarr"))
