"""Inputs that are damaged, or change while they are read."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from tests.faults.conftest import SAID
from tests.faults.process import (
    SLOWLY,
    begun,
    content,
    crispim,
    journal_of,
    wait_for_planes,
)


def packed(compression: str | None, *, imagej: bool = False) -> bytes:
    """A stack of three planes as a file."""
    stack = np.random.default_rng(0).integers(0, 500, (3, 20, 30), np.uint16)
    buffer = BytesIO()
    options = {"imagej": True} if imagej else {"metadata": None, "compression": compression}
    tifffile.imwrite(buffer, stack, photometric="minisblack", **options)
    return buffer.getvalue()


FILES = {
    "plain": packed(None),
    "imagej": packed(None, imagej=True),
    "zlib": packed("zlib"),
    "zstd": packed("zstd"),
    "lzw": packed("lzw"),
}
QUICK, LONG = 100, 3000
examples = pytest.mark.parametrize(
    "examples", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"]
)


def fuzzed(examples: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, suppress_health_check=checks)


def read(path: Path) -> list[NDArray[Any]]:
    with open_source(path) as source:
        planes = [source.read(k) for k in range(len(source))]
    assert all(plane.shape == source.shape[1:] for plane in planes)
    return planes


@examples
@pytest.mark.usefixtures("little_memory")
def test_each_flipped_bit_is_read_or_refused(tmp_path: Path, examples: int) -> None:
    @fuzzed(examples)
    @given(st.sampled_from(list(FILES)), st.integers(0, 2**31), st.integers(0, 7))
    @example("plain", 90, 0)  # no samples a pixel
    def flip(kind: str, place: int, bit: int) -> None:
        data = bytearray(FILES[kind])
        data[place % len(data)] ^= 1 << bit
        path = tmp_path / "flipped.tif"
        path.write_bytes(data)
        try:
            read(path)
        except CrispimError as error:
            said = str(error)
            assert "flipped.tif" in said
            assert len(said.splitlines()) == 1

    flip()


@examples
def test_each_truncated_file_is_named(tmp_path: Path, examples: int) -> None:
    @fuzzed(examples)
    @given(st.sampled_from(list(FILES)), st.integers(0, 2**31))
    def cut(kind: str, place: int) -> None:
        data = FILES[kind]
        path = tmp_path / "cut.tif"
        path.write_bytes(data[: place % len(data)])
        try:
            planes = read(path)
        except CrispimError as error:
            said = str(error)
            assert "cut.tif" in said
            assert len(said.splitlines()) == 1
        else:
            # What was cut off was nothing that a plane needs.
            np.testing.assert_array_equal(planes, tifffile.imread(BytesIO(data)))

    cut()


@pytest.fixture
def own(planes: Path, tmp_path: Path) -> Path:
    """A copy of the planes, for this test alone."""
    return shutil.copytree(planes, tmp_path / "in")


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_a_truncated_plane_costs_nothing(
    own: Path, unbroken: Path, tmp_path: Path, name: str
) -> None:
    whole = (own / "07.tif").read_bytes()
    (own / "07.tif").write_bytes(whole[:-100])
    crispim("preprocess", own, tmp_path / name, *SAID).refused("07.tif", "truncated")
    assert not (tmp_path / name).exists()
    (own / "07.tif").write_bytes(whole)
    crispim("preprocess", own, tmp_path / name, *SAID).well()
    assert content(tmp_path / name) == content(unbroken / name)


CHANGES = {
    "another size": (lambda file: tifffile.imwrite(file, np.zeros((8, 8), np.uint16)), "changed"),
    "no image": (lambda file: file.write_bytes(b"other"), "15.tif"),
    "truncated": (lambda file: os.truncate(file, 5000), "damaged"),
    "other pixels": (
        lambda file: tifffile.imwrite(file, np.ones((64, 80), np.uint16)),
        "changed while it was in use",
    ),
    "gone": (lambda file: file.unlink(), "15.tif"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
def test_a_file_that_changes_during_the_run(
    own: Path, unbroken: Path, tmp_path: Path, name: str, change: str
) -> None:
    output = tmp_path / name
    run = begun("preprocess", own, output, *SAID, "--workers", 1, before=SLOWLY)
    wait_for_planes(run, output)
    file, status = own / "15.tif", (own / "15.tif").stat()
    whole = file.read_bytes()
    act, word = CHANGES[change]
    act(file)
    run.ended().refused("15.tif", word)
    if name == "out.tif":
        assert not output.exists()
    # As a copy from elsewhere brings it back.
    file.write_bytes(whole)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    crispim("preprocess", own, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)


def test_a_folder_that_goes_away(own: Path, unbroken: Path, tmp_path: Path) -> None:
    """A stick that is pulled out, a share that is cut off."""
    output = tmp_path / "out"
    run = begun("preprocess", own, output, *SAID, before=SLOWLY)
    wait_for_planes(run, output)
    own.rename(tmp_path / "away")
    run.ended().refused(".tif", "can't be read")
    assert journal_of(output).exists()
    (tmp_path / "away").rename(own)
    crispim("preprocess", own, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / "out")
