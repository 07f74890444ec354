from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import PairedSink, SinkSettings, Source, create_sink, open_source

PLANES = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
ERRORS = SinkSettings(dtype=np.dtype(np.float32))


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    tifffile.imwrite(tmp_path / "in.tif", PLANES, photometric="minisblack")
    with open_source(tmp_path / "in.tif") as opened:
        yield opened


def pair(source: Source, folder: Path, **settings: bool) -> PairedSink:
    return PairedSink(
        create_sink(folder / "out.tif", source, SinkSettings(**settings)),
        create_sink(
            folder / "errors", source, SinkSettings(dtype=np.dtype(np.float32), **settings)
        ),
    )


def write_one_and_fail(sink: PairedSink) -> None:
    with sink:
        sink.write(0, np.stack([PLANES[0], PLANES[0]]))
        raise ValueError("stop")


def test_each_output_gets_its_own(source: Source, tmp_path: Path) -> None:
    with pair(source, tmp_path) as sink:
        for index, plane in enumerate(PLANES):
            sink.write(index, np.stack([plane, plane / 10]).astype(np.float32))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), PLANES)
    with open_source(tmp_path / "errors") as errors:
        assert errors.dtype == np.float32
        for index, plane in enumerate(PLANES):
            np.testing.assert_allclose(errors.read(index), plane / 10, rtol=1e-6)


def test_a_run_that_fails_leaves_neither(source: Source, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"):
        write_one_and_fail(pair(source, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} <= {"in.tif", "errors"}
    assert not list(tmp_path.glob("errors/*"))


def test_a_run_goes_on_where_both_are(source: Source, tmp_path: Path) -> None:
    stopped = pair(source, tmp_path)
    stopped.record({"command": "denoise"})
    with pytest.raises(ValueError, match="stop"):
        write_one_and_fail(stopped)
    resumed = pair(source, tmp_path, resume=True)
    resumed.record({"command": "denoise"})
    with resumed as sink:
        assert [sink.has(index) for index in range(3)] == [True, False, False]
        for index in (1, 2):
            sink.write(index, np.stack([PLANES[index], PLANES[index]]))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), PLANES)


def test_one_output_is_not_two(source: Source, tmp_path: Path) -> None:
    first, second = (create_sink(tmp_path / "out.tif", source) for _ in range(2))
    with pytest.raises(CrispimError, match="given for two outputs"):
        PairedSink(first, second)


def test_pieces_must_be_alike(source: Source, tmp_path: Path) -> None:
    first, second = (create_sink(tmp_path / name, source) for name in ("out.tif", "errors.tif"))
    second.write_shape = (4, 4)
    with pytest.raises(CrispimError, match="the same kind of name"):
        PairedSink(first, second)
