"""`--profile`: where the time of a run went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import Call

TIMES = ("reading (s)", "computing (s)", "writing (s)")


def profile_of(call: Call, file: Path, *given: object) -> dict[str, Any]:
    answer = call(*given, "--profile", file)
    assert answer.status == 0, answer.err
    facts = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(facts, dict)
    return facts


def test_denoise(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    given = ("denoise", noisy, tmp_path / "out.tif", "--model", model)
    facts = profile_of(call, tmp_path / "profile.json", *given)
    assert all(0 < facts[time] < 2 * facts["wall (s)"] for time in TIMES)
    assert facts["starting (s)"] > 0
    assert 0 <= facts["waiting (s)"] <= facts["wall (s)"] - facts["starting (s)"]
    assert (facts["planes"], facts["pixels read"]) == (3, 3 * 40 * 60)
    assert facts["planes a second"] == pytest.approx(3 / facts["wall (s)"])
    assert facts["peak memory (bytes)"] > 50_000_000
    assert facts["options"]["--precision"] == "float32"
    assert "tensorflow" in facts["versions"]


def test_planes_that_were_there_are_not_counted(
    call: Call, model: Path, noisy: Path, tmp_path: Path
) -> None:
    given = ("denoise", noisy, tmp_path / "out", "--model", model)
    profile_of(call, tmp_path / "profile.json", *given)
    facts = profile_of(call, tmp_path / "profile.json", *given, "--resume")
    assert (facts["planes"], facts["computing (s)"]) == (0, 0)


@pytest.mark.parametrize("result", ["out.tif", "out.zarr"])
def test_preprocess(call: Call, noisy: Path, tmp_path: Path, result: str) -> None:
    """Whole planes, and planes of an OME-Zarr in parts."""
    given = ("preprocess", noisy, tmp_path / result, "--factor", 2, "--workers", 2)
    facts = profile_of(call, tmp_path / "profile.json", *given)
    assert all(facts[time] > 0 for time in TIMES)
    assert facts["planes"] == 3
    assert facts["input"]["path"] == str(noisy)


def test_pixels_are_the_same(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    for name, more in (("with.tif", ("--profile", tmp_path / "p.json")), ("without.tif", ())):
        assert call("denoise", noisy, tmp_path / name, "--model", model, *more).status == 0
    assert (tmp_path / "with.tif").read_bytes() == (tmp_path / "without.tif").read_bytes()


def test_the_input_is_no_place_for_it(call: Call, model: Path, noisy: Path, tmp_path: Path) -> None:
    answer = call("denoise", noisy, tmp_path / "out", "--model", model, "--profile", noisy)
    assert answer.status == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["denoise", "preprocess"])
def test_not_of_other_processes(call: Call, noisy: Path, tmp_path: Path, command: str) -> None:
    file = tmp_path / "profile.json"
    answer = call(command, noisy, tmp_path / "out", "--cluster", "local", "--profile", file)
    assert answer.status == 2
    assert "Dask dashboard" in answer.err
    assert not file.exists()


@pytest.mark.parametrize("command", ["denoise", "preprocess"])
def test_half_a_plane_is_not_counted(
    call: Call, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Of three planes of two blocks each, one and a half are finished when a run is stopped."""
    from crispim_ij.planes.ome_zarr_write import ZarrSink

    planes = np.random.default_rng(0).integers(50, 500, (3, 1100, 60), np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", planes, photometric="minisblack")
    own = ("--model", model) if command == "denoise" else ("--factor", 1, "--seed", 1)
    given = (command, tmp_path / "in.tif", tmp_path / "out.zarr", *own)
    write, written = ZarrSink.write, []

    def stops(self: ZarrSink, *block: Any) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(block)
        write(self, *block)

    with monkeypatch.context() as patch:
        patch.setattr(ZarrSink, "write", stops)
        assert call(*given).status == 130
    facts = profile_of(call, tmp_path / "profile.json", *given, "--resume")
    begun = {index: sum(other == index for other, *_ in written) for index, *_ in written}
    assert sorted(begun.values()) in ([1, 1, 1], [1, 2])
    assert facts["planes"] == 3 - list(begun.values()).count(2)
