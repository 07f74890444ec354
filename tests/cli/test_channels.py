"""Commands on folders whose names tell channels, and on folders of PNG planes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from imagecodecs import png_decode, png_encode

from tests.cli.conftest import Call

SD = (5, 20)


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    """Two channels of three slices, of different noise."""
    folder = tmp_path / "scan"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for c, z in np.ndindex(2, 3):
        plane = rng.normal(300 + 500 * c, SD[c], (48, 64)).round().astype(np.uint16)
        tifffile.imwrite(folder / f"brain_C{c}_Z{z:03}.tif", plane)
    return folder


@pytest.fixture
def png(channels: Path, tmp_path: Path) -> Path:
    """The same planes as PNG."""
    folder = tmp_path / "png"
    folder.mkdir()
    for file in channels.iterdir():
        (folder / f"{file.stem}.png").write_bytes(png_encode(tifffile.imread(file)))
    return folder


def words(text: str) -> str:
    return " ".join(text.split())


def test_inspect_says_them(call: Call, channels: Path) -> None:
    said = words(call("inspect", channels).out)
    assert "axes CZYX: 2 channels, 3 slices" in said
    assert "channels two channels by their names (C0, C1)" in said
    assert "format folder of TIFF files, one plane each" in said
    for c in range(2):
        assert f"noise of channel {c + 1} (C{c}) sd" in said
    found = json.loads(call("inspect", channels, "--json").out)["contents"]
    assert found["channels"] == ["C0", "C1"]
    sds = [noise["noise"]["read_noise"] for noise in found["noise"]]
    np.testing.assert_allclose(sds, SD, rtol=0.2)


def test_inspect_says_what_is_missing(call: Call, channels: Path) -> None:
    (channels / "brain_C1_Z001.tif").unlink()
    said = words(call("inspect", channels).out)
    assert "1 of 6 planes are missing, such as C1, Z001 beside 'brain_C0_Z001.tif'" in said


def preprocessed(call: Call, *words_: Any) -> dict[str, Any]:
    answer = call("preprocess", *words_, "--factor", 2, "--seed", 1, "--json")
    assert answer.status == 0, answer.err
    facts: dict[str, Any] = json.loads(answer.out)
    return facts


def test_preprocess(call: Call, channels: Path, tmp_path: Path) -> None:
    """The planes' seeds are those of their natural order, in every output."""
    preprocessed(call, channels, tmp_path / "out")
    preprocessed(call, channels, tmp_path / "out.tif")
    preprocessed(call, channels, tmp_path / "out.zarr", "--channel", "C1")
    stack = tifffile.imread(tmp_path / "out.tif")
    assert stack.shape == (3, 2, 24, 32)
    for c, z in np.ndindex(2, 3):
        plane = tifffile.imread(tmp_path / "out" / f"brain_C{c}_Z{z:03}.tif")
        np.testing.assert_array_equal(stack[z, c], plane)
    found = json.loads(call("inspect", tmp_path / "out.zarr", "--json").out)["contents"]
    assert (found["axes"], found["channels"]) == ({"Z": 3}, ["C1"])


def test_preprocess_png(call: Call, channels: Path, png: Path, tmp_path: Path) -> None:
    preprocessed(call, channels, tmp_path / "tif")
    preprocessed(call, png, tmp_path / "out")
    for file in (tmp_path / "tif").glob("*.tif"):
        same = png_decode((tmp_path / "out" / f"{file.stem}.png").read_bytes())
        np.testing.assert_array_equal(same, tifffile.imread(file))
    again = call("preprocess", png, tmp_path / "out", "--factor", 2, "--seed", 1, "--resume")
    assert again.status == 0, again.err


def test_denoise_tells_each_channel_its_own(
    call: Call, told: Path, channels: Path, png: Path, tmp_path: Path
) -> None:
    """A stack, a folder and a channel alone have the same pixels; PNG stays PNG."""
    given = ("--model", told, "--json")
    for source, name in ((channels, "out"), (channels, "out.tif"), (png, "png-out")):
        answer = call("denoise", source, tmp_path / name, *given)
        assert answer.status == 0, answer.err
    sds = [one["read_noise"] for one in json.loads(answer.out)["noise"]["channels"]]
    np.testing.assert_allclose(sds, SD, rtol=0.2)
    alone = call("denoise", channels, tmp_path / "one", *given, "--channel", "C1")
    assert alone.status == 0, alone.err
    stack = tifffile.imread(tmp_path / "out.tif")
    for c, z in np.ndindex(2, 3):
        name = f"brain_C{c}_Z{z:03}"
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"out/{name}.tif"), stack[z, c])
        packed = (tmp_path / f"png-out/{name}.png").read_bytes()
        np.testing.assert_array_equal(png_decode(packed), stack[z, c])
    names = sorted(file.name for file in (tmp_path / "one").glob("*.tif"))
    assert names == [f"brain_C1_Z{z:03}.tif" for z in range(3)]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "one" / names[2]), stack[2, 1])


def test_denoise_says_what_png_can_not_hold(
    call: Call, model: Path, png: Path, tmp_path: Path
) -> None:
    answer = call(
        "denoise", png, tmp_path / "out", "--model", model, "--dtype", "float32", "--dry-run"
    )
    assert answer.status == 0, answer.err
    assert "PNG can't hold float32 pixels" in words(answer.err)


def test_denoise_says_channels_by_name(
    call: Call, told: Path, channels: Path, tmp_path: Path
) -> None:
    answer = call("denoise", channels, tmp_path / "out", "--model", told, "--dry-run")
    assert "channel 2 (C1): noise: sd" in words(answer.out)
    refused = call("denoise", channels, tmp_path / "out", "--model", told, "--channel", "GFP")
    assert refused.status == 2
    assert "no channel of the name 'GFP' (--channel), but 2 ('C0', 'C1')" in words(refused.err)


def test_preview_says_the_planes_channel(
    call: Call, model: Path, channels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p.png"
    answer = call("preview", channels, "--model", model, "--plane", 4, "--out", out)
    assert answer.status == 0, answer.err
    said = "Channels: two channels by their names (C0, C1), of which this is C1"
    assert said in words(answer.out)


def test_calibrate_one_of_them(call: Call, channels: Path) -> None:
    both = call("calibrate", channels)
    assert "two channels by their names (C0, C1), which are measured as one" in words(both.err)
    one = call("calibrate", channels, "--channel", "C1", "--json")
    assert one.err == ""
    assert json.loads(one.out)["camera"]["read_noise"] == pytest.approx(SD[1], rel=0.2)


@pytest.mark.long
def test_evaluate_one_of_them(call: Call, channels: Path, tmp_path: Path) -> None:
    """A result in another order, of all channels, and one of the channel alone."""
    preprocess = ("--factor", 1, "--noise-sd", 3, "--seed", 1)
    for name, more in (("all.tif", ()), ("one", ("--channel", "C1"))):
        assert call("preprocess", channels, tmp_path / name, *preprocess, *more).status == 0
    results = [f"--result={name[:3]}={tmp_path / name}" for name in ("all.tif", "one")]
    answer = call(
        "evaluate", channels, *results, "--channel", "C1", "--out", tmp_path / "e", "--json"
    )
    assert answer.status == 0, answer.err
    for mean in json.loads(answer.out)["means"]:
        assert mean["rmse"] == pytest.approx(3, rel=0.2)


def test_train_learns_from_each_alone(
    call: Call, channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crispim_ij.training.job.seconds_a_step", lambda *_: 1.0)  # takes seconds
    given = ("train", tmp_path / "m", "--clean", channels, "--patch", 16, "--dry-run", "--json")
    both = call(*given)
    assert both.status == 0, both.err
    assert [one["planes"] for one in json.loads(both.out)["inputs"]] == [3, 3]
    one = call(*given, "--channel", "C0")
    assert [one["planes"] for one in json.loads(one.out)["inputs"]] == [3]
