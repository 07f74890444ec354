"""`CRISPIM_Denoise.ijm`, with a stand-in for CSBDeep's command, and with it in a real Fiji."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from crispim_ij.models import SharedNoise
from crispim_ij.noise import (
    CameraNoise,
    add_camera_noise,
    measure_noise,
    parse_noise,
    restore,
    stabilise,
)
from crispim_ij.parity import Interpolation, resize
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.planes.metadata import Metadata
from tests.imagej.csbdeep_standin import write_zip
from tests.macros.conftest import COMMAND as CRISPIM
from tests.macros.conftest import MACROS, Answer, FijiFolder, metadata

SUM = """
(1..image.stackSize).each { image.getStack().getProcessor(it).add(10.5d) }
image
"""
HALF = SUM.replace("10.5d", "0.5d")
OLDER = (
    "java.util.prefs.Preferences.userRoot().node('/de/csbdresden/csbdeep/commands/GenericNetwork')"
)


def counts(*shape: int, top: int = 65535) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, top, shape, np.uint16)


@pytest.fixture
def fiji(fiji_folder: FijiFolder) -> FijiFolder:
    """A folder shaped like a Fiji that has a model and a stand-in for the command."""
    (fiji_folder.folder / "models/CRISPIM/crispim-2d.zip").write_text("a zip")
    fiji_folder.add_plugin(SUM)
    return fiji_folder


def denoise(fiji: FijiFolder, *lines: object) -> Answer:
    return fiji.run_crispim("CRISPIM_Denoise", "\n".join(map(str, lines)))


def summed(stack: NDArray[Any]) -> NDArray[Any]:
    """What the stand-in makes of counts, in their type."""
    result = stack.astype(np.float32) + np.float32(10.5)
    if stack.dtype.kind == "f":
        return result
    return np.clip(np.rint(result), 0, np.iinfo(stack.dtype).max).astype(stack.dtype)


def screen(fiji: FijiFolder) -> str:
    """What came up on the user's screen."""
    path = fiji.folder / "screen.txt"
    return path.read_text() if path.exists() else ""


def test_what_the_command_is_told_and_shown(fiji: FijiFolder, tmp_path: Path) -> None:
    model = tmp_path / "my models é\\" / "new [1] 'net'.zip"
    model.parent.mkdir()
    model.write_text("a zip")
    older = fiji.folder / "models/CRISPIM/crispim-2d.zip"
    planes, source = counts(2, 37, 50), tmp_path / "in.tif"
    tifffile.imwrite(source, planes, photometric="minisblack")
    (tmp_path / "store.ijm").write_text(
        'call("java.lang.System.setProperty", "older", String.trim(getArgument()));'
        f'return call("groovy.util.Eval.me", "def node = {OLDER};'
        "node.put('GenericNetwork_modelfile', System.getProperty('older')); node.flush(); ''\");"
    )
    fiji.run(tmp_path / "store.ijm", str(older))
    answer = denoise(fiji, f"model={model}", f"input={source}", "tile=20", "overlap=21", "block=8")
    assert answer.returned == "CRISPIM_Denoise: 2 planes in the new image", answer.printed
    assert answer.images == 1
    options = (fiji.folder / "options.txt").read_text().strip().splitlines()
    assert options == 2 * [
        "normalizeInput=false percentileBottom=3.0 percentileTop=99.8 clip=false nTiles=6 "
        f"blockMultiple=8 overlap=24 batchSize=1 modelFile={model} modelUrl= "
        "showProgressDialog=false"
    ]
    assert screen(fiji) == ""
    assert not (fiji.folder / "recorded.txt").exists()
    # What was stored is there again.
    (tmp_path / "stored.ijm").write_text(
        f"return call(\"groovy.util.Eval.me\", \"{OLDER}.get('GenericNetwork_modelfile', '')\");"
    )
    assert fiji.run(tmp_path / "stored.ijm").returned == str(older)

    shown = tifffile.imread(fiji.folder / "shown.tif")
    rows, columns = shown.shape[0] - 37 - 24, shown.shape[1] - 50 - 24
    assert min(rows, columns) >= 24 + 6
    assert not any(side % 8 for side in shown.shape)
    np.testing.assert_array_equal(
        shown, np.pad(planes[1], ((24, rows), (24, columns)), "symmetric")
    )


@pytest.mark.parametrize("depth", [1, 3])
def test_stacks_go_through_a_3d_network_whole(fiji: FijiFolder, tmp_path: Path, depth: int) -> None:
    # What it makes of a plane is that and its neighbours.
    fiji.add_plugin("""
        def stack = image.getStack(), last = stack.size() - 1
        def result = new ij.ImageStack(image.width, image.height)
        (0..last).each { z ->
            def sum = stack.getProcessor(z + 1).duplicate()
            [z - 1, z + 1].each {
                def near = Math.min(Math.max(it, 0), last)
                sum.copyBits(stack.getProcessor(near + 1), 0, 0, ij.process.Blitter.ADD)
            }
            result.addSlice(sum)
        }
        new ij.ImagePlus('result', result)
    """)
    model = write_zip(tmp_path / "deep.zip", axes="ZYXC", axes_out="ZYXC")
    stack = counts(2, depth, 2, 37, 50, top=1000)
    tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    lines = (f"model={model}", f"input={tmp_path}/in.tif", f"output={tmp_path}/out.tif")
    answer = denoise(fiji, *lines)
    if depth == 1:
        assert "has 4 planes but one slice for each channel" in answer.printed
        return
    around = np.pad(stack, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)), "edge")
    expected = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), expected)
    assert len((fiji.folder / "options.txt").read_text().splitlines()) == 4


def test_a_single_plane_goes_through_a_3d_network(fiji: FijiFolder, tmp_path: Path) -> None:
    model = write_zip(tmp_path / "deep.zip", axes="ZYXC", axes_out="ZYXC")
    plane = counts(37, 50)
    tifffile.imwrite(tmp_path / "in.tif", plane)
    denoise(fiji, f"model={model}", f"input={tmp_path}/in.tif", f"output={tmp_path}/out.tif")
    assert tifffile.imread(fiji.folder / "shown.tif").shape[0] == 2
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), summed(plane))


@pytest.mark.parametrize(
    ("axes_out", "words"),
    [("YXC", "export it for whole stacks"), ("ZYXC", "is a 3D network, which needs a stack")],
)
def test_a_3d_network_that_can_not_run(
    fiji: FijiFolder, tmp_path: Path, axes_out: str, words: str
) -> None:
    model = write_zip(tmp_path / "deep.zip", axes="ZYXC", axes_out=axes_out)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in/0.tif", counts(37, 50))
    answer = denoise(fiji, f"model={model}", f"input={tmp_path}/in", f"output={tmp_path}/out")
    assert answer.returned == "[aborted]"
    assert words in answer.printed
    assert not (fiji.folder / "options.txt").exists()


def told_zip(path: Path, **says: str) -> Path:
    """A zip that says what one of a network says that is told the noise."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model.pb", bytes(range(256)))
        meta = {"axes_div_by": [8, 8, 1], "tile_overlap": [80, 80, 0], "input_scaling": "noise"}
        archive.writestr("meta.json", json.dumps(meta | says, indent=2, sort_keys=True))
    return path


def of_sd(sd: float, seed: int = 0) -> NDArray[np.uint16]:
    """A plane of a simulated specimen with noise."""
    settings = PhantomSettings((1, 200, 240), 2, pixel_size=7.2, stripes=0)
    clean = simulate_volume(settings)[0]
    noisy = np.random.default_rng(seed).normal(clean, sd)
    return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("strength", ["1", "1.5"])
def test_a_network_that_is_told_the_noise(fiji: FijiFolder, tmp_path: Path, strength: str) -> None:
    fiji.add_plugin(HALF)
    model, planes = told_zip(tmp_path / "told.zip"), np.stack([of_sd(30, k) for k in range(2)])
    tifffile.imwrite(tmp_path / "in.tif", planes, photometric="minisblack")
    lines = (f"model={model}", f"input={tmp_path}/in.tif", f"output={tmp_path}/out.tif")
    answer = denoise(fiji, *lines, "noise=20", f"strength={strength}")
    assert answer.returned == f"CRISPIM_Denoise: 2 planes written to {tmp_path}/out.tif"
    unit = 20 * float(strength)
    shown = tifffile.imread(fiji.folder / "shown.tif")
    assert shown.dtype == np.float32
    inner = shown[80 : 80 + planes.shape[1], 80 : 80 + planes.shape[2]]
    np.testing.assert_allclose(inner, planes[1] / np.float32(unit), rtol=1e-6)
    options = (fiji.folder / "options.txt").read_text()
    assert "blockMultiple=8 overlap=80 " in options
    assert not any(side % 8 for side in shown.shape)
    result = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(result, (planes + 0.5 * unit).astype(np.uint16))
    assert f"noise=20 strength={strength} " in metadata(tmp_path / "out.tif")["Info"]


@pytest.mark.long
@pytest.mark.parametrize("is_folder", [True, False])
def test_the_noise_is_measured(fiji: FijiFolder, tmp_path: Path, is_folder: bool) -> None:
    """As the command measures it: of each channel, over the planes of a folder or stack."""
    fiji.add_plugin(HALF)
    model = told_zip(tmp_path / "told.zip")
    channels = [
        np.stack([of_sd(20, k) for k in range(3)]),
        add_camera_noise(
            np.stack([of_sd(1, k) for k in range(3)]),
            CameraNoise(4, 100, 5),
            np.random.default_rng(0),
        ).astype(np.uint16),
    ]
    if is_folder:
        (tmp_path / "in").mkdir()
        for k, plane in enumerate(channels.pop(0)):
            tifffile.imwrite(tmp_path / f"in/{k}.tif", plane)
        channels = [tifffile.imread(sorted((tmp_path / "in").iterdir()))]
        lines, result = (f"input={tmp_path}/in", f"output={tmp_path}/out"), tmp_path / "out/0.tif"
    else:
        stack = np.stack(channels, 1)
        tifffile.imwrite(tmp_path / "in.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
        result = tmp_path / "out.tif"
        lines = (f"input={tmp_path}/in.tif", f"output={result}")
    answer = denoise(fiji, f"model={model}", *lines)
    assert answer.returned.startswith("CRISPIM_Denoise: "), answer.printed
    told = metadata(result)["Info"].partition(" noise=")[2].split()[0].split(",")
    expected = [measure_noise(ArraySource(channel))[0].noise for channel in channels]
    assert expected[0]
    assert expected[0].gain == 0
    assert expected[0].read_noise == pytest.approx(20, rel=0.1)
    for text, noise in zip(told, expected, strict=True):
        found = parse_noise(text)
        assert found
        assert noise
        assert found.gain == pytest.approx(noise.gain, rel=1e-5)
        assert found.read_noise == pytest.approx(noise.read_noise, rel=1e-5)
    if not is_folder:
        noise = expected[1]
        assert noise
        assert noise.gain > 0
        counts = channels[1].astype(np.float32)
        values = stabilise(counts, noise) + np.float32(0.5)
        np.testing.assert_allclose(tifffile.imread(result)[:, 1], restore(values, noise), atol=0.51)


def blurred() -> NDArray[np.floating]:
    """Planes of which neighbouring pixels share noise."""
    return uniform_filter(np.stack([of_sd(60, k) for k in range(3)]) * 1.0, (0, 2, 2))


def in_rows() -> NDArray[np.floating]:
    """Planes whose rows share noise."""
    rows = np.random.default_rng(0).normal(0, 20, (3, 200, 1))
    return np.stack([of_sd(20, k) for k in range(3)]) + rows


def with_margins() -> NDArray[np.floating]:
    """Planes that are filled at the top and, one of them, at the left."""
    planes = blurred()
    planes[:, :90] = 0
    planes[1, :, :20] = 0
    return planes


SHARED: dict[str, Callable[[], NDArray[np.floating]]] = {
    "rows": in_rows,
    "planes without neighbours": lambda: blurred()[:1],
    "margins": with_margins,
    "clipped where dark": lambda: blurred() - np.where(np.arange(240) < 120, 290, 0),
    "copies": lambda: np.repeat(blurred()[:1], 3, axis=0),
    "one copy": lambda: blurred()[[0, 0, 1, 2]],
}


@pytest.mark.long
@pytest.mark.parametrize("kind", SHARED)
def test_a_network_that_learnt_how_pixels_share_noise_is_told_all_of_it(
    fiji: FijiFolder, tmp_path: Path, kind: str
) -> None:
    fiji.add_plugin(HALF)
    noisy = np.clip(np.rint(SHARED[kind]()), 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", noisy, imagej=True, metadata={"axes": "ZYX"})
    (found,) = measure_noise(ArraySource(noisy))
    assert found.shares
    learnt = {"learnt_grain": found.shares.as_text()}
    told = {}
    for name, says in {"ships": {}, "older": {"learnt_grain": "true"}, "adapted": learnt}.items():
        model, out = told_zip(tmp_path / f"{name}.zip", **says), tmp_path / f"{name}.tif"
        answer = denoise(fiji, f"model={model}", f"input={tmp_path}/in.tif", f"output={out}")
        if kind != "copies":
            assert ("Little of it can be removed" in answer.printed) == (name == "ships")
        assert ("Neighbouring planes share noise" in answer.printed) == (kind == "copies")
        assert "adapted to noise that" not in answer.printed
        text = metadata(out)["Info"].partition(" noise=")[2].split()[0]
        told[name] = parse_noise(text)
    assert found.noise
    assert found.whole
    assert found.whole.read_noise > 1.3 * found.noise.read_noise
    for noise, expected in zip(told.values(), (found.noise, found.whole, found.whole), strict=True):
        assert noise
        assert noise.gain == pytest.approx(expected.gain, rel=1e-4)
        assert noise.read_noise == pytest.approx(expected.read_noise, rel=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 280, 320), (256, 224)),
        ((3, 280, 320), (256, 224)),
        ((1, 280, 320), (480, 420)),
        ((3, 280, 320), (480, 420)),
        ((8, 1000, 80), (80, 1400)),
    ],
)
def test_planes_that_were_resized_are_said(
    fiji: FijiFolder, tmp_path: Path, shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    """In the words of the command, and with its period."""
    fiji.add_plugin(HALF)
    noisy = np.random.default_rng(0).normal(300, 30, shape).astype(np.float32)
    larger = [resize(p, *size, Interpolation.BILINEAR, average=False) for p in noisy]
    counts = np.rint(larger).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", counts, imagej=True, metadata={"axes": "ZYX"})
    (found,) = measure_noise(ArraySource(counts))
    assert found.problem
    assert "resized" in found.problem
    assert found.shares
    learnt = {"learnt_grain": found.shares.as_text()}
    of_models = {"ships": {}, "adapted": learnt} if found.whole else {"ships": {}}
    for name, says in of_models.items():
        model, out = told_zip(tmp_path / f"{name}.zip", **says), tmp_path / f"{name}.tif"
        answer = denoise(fiji, f"model={model}", f"input={tmp_path}/in.tif", f"output={out}")
        is_said = f"in.tif: {found.problem} What is told of it is a mean" in answer.printed
        assert is_said == (name == "ships")
        assert "Little of it can be removed" not in answer.printed
        assert "adapted to noise that" not in answer.printed


@pytest.mark.long
@pytest.mark.parametrize("given", ["auto", "20"])
@pytest.mark.parametrize("kind", ["independent", "in rows", "resized"])
def test_noise_that_a_network_was_not_adapted_to_is_said(
    fiji: FijiFolder, tmp_path: Path, kind: str, given: str
) -> None:
    """In the words of the command."""
    fiji.add_plugin(HALF)
    planes = np.stack([of_sd(20, k) for k in range(3)]) * 1.0
    if kind == "in rows":
        planes += np.random.default_rng(0).normal(0, 20, (3, 200, 1))
    if kind == "resized":
        size = (480, 400)
        planes = np.stack([resize(p, *size, Interpolation.BILINEAR, average=False) for p in planes])
    noisy = np.clip(np.rint(planes), 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", noisy, imagej=True, metadata={"axes": "ZYX"})
    (found,) = measure_noise(ArraySource(noisy))
    unlike = found.unlike([SharedNoise(0.5, 0.5)])
    assert unlike
    model, out = told_zip(tmp_path / "told.zip", learnt_grain="0.5:0.5"), tmp_path / "out.tif"
    lines = (f"model={model}", f"input={tmp_path}/in.tif", f"output={out}", f"noise={given}")
    assert unlike in denoise(fiji, *lines).printed


@pytest.mark.long
@pytest.mark.parametrize("given", ["auto", "20"])
def test_planes_that_were_interpolated_along_z_are_said(
    fiji: FijiFolder, tmp_path: Path, given: str
) -> None:
    """In the words of the command, and with its noise."""
    fiji.add_plugin(HALF)
    taken = np.stack([of_sd(20, k) for k in range(5)]).astype(np.float32)
    planes = np.stack([taken[k // 2 : (k + 3) // 2].mean(0) for k in range(9)])
    noisy = np.rint(planes).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", noisy, imagej=True, metadata={"axes": "ZYX"})
    source = ArraySource(noisy)
    source.metadata = Metadata(axes="Z", sizes=(9,))
    (found,) = measure_noise(source)
    assert found.noise
    assert found.problem
    assert found.is_shared_along_z
    model, out = told_zip(tmp_path / "told.zip"), tmp_path / "out.tif"
    lines = (f"input={tmp_path}/in.tif", f"output={out}", f"noise={given}")
    answer = denoise(fiji, f"model={model}", *lines)
    assert f"in.tif: {found.problem} 3D models may take what planes" in answer.printed
    if given == "auto":
        told = parse_noise(metadata(out)["Info"].partition(" noise=")[2].split()[0])
        assert told
        assert told.read_noise == pytest.approx(found.noise.read_noise, rel=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(("given", "is_doubted"), [(10, True), (25, False), (60, True)])
def test_given_noise_that_the_planes_do_not_show_is_doubted(
    fiji: FijiFolder, tmp_path: Path, given: int, is_doubted: bool
) -> None:
    """In the words of the command."""
    fiji.add_plugin(HALF)
    noisy = np.stack([of_sd(20, k) for k in range(3)])
    tifffile.imwrite(tmp_path / "in.tif", noisy, imagej=True, metadata={"axes": "ZYX"})
    model, out = told_zip(tmp_path / "told.zip"), tmp_path / "out.tif"
    lines = (f"input={tmp_path}/in.tif", f"output={out}", f"noise={given}")
    answer = denoise(fiji, f"model={model}", *lines)
    (found,) = measure_noise(ArraySource(noisy))
    doubt = found.doubt(CameraNoise(0, 0, given)).partition(" Without --noise")[0]
    assert bool(doubt) == is_doubted
    assert ("was given, and the planes show" in answer.printed) == is_doubted
    assert not doubt or f"in.tif: {doubt} With noise=auto" in answer.printed
    assert f" noise={given} " in metadata(out)["Info"]


def test_where_no_noise_can_be_seen(fiji: FijiFolder, tmp_path: Path) -> None:
    model = told_zip(tmp_path / "told.zip")
    tifffile.imwrite(tmp_path / "in.tif", np.full((37, 50), 300, np.uint16))
    answer = denoise(fiji, f"model={model}", f"input={tmp_path}/in.tif")
    assert answer.returned == "[aborted]"
    assert "The noise of in.tif can't be measured" in answer.printed


def test_planes_smaller_than_the_margin(fiji: FijiFolder, tmp_path: Path) -> None:
    plane = counts(5, 7)
    tifffile.imwrite(tmp_path / "in.tif", plane)
    denoise(fiji, "model=crispim-2d", f"input={tmp_path}/in.tif", f"output={tmp_path}/out.tif")
    shown = tifffile.imread(fiji.folder / "shown.tif")
    margins = ((32, shown.shape[0] - 37), (32, shown.shape[1] - 39))
    np.testing.assert_array_equal(shown, np.pad(plane, margins, "symmetric"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), summed(plane))


def test_type_and_metadata_are_kept(fiji: FijiFolder, tmp_path: Path) -> None:
    source, out = tmp_path / "in.tif", tmp_path / "out.tif"
    stack = counts(2, 3, 37, 50)
    lut = np.random.default_rng(1).integers(0, 256, (3, 256), np.uint8)
    tifffile.imwrite(
        source,
        stack,
        imagej=True,
        resolution=(2, 3),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 3, "mode": "composite",
                  "Ranges": (1.0, 500.0, 2.0, 600.0, 3.0, 700.0), "LUTs": [lut, lut[::-1], lut],
                  "Labels": list("abcdef"), "Info": "Objective: 4x"},
    )  # fmt: skip
    denoise(fiji, "model=crispim-2d", f"input={source}", f"output={out}")
    np.testing.assert_array_equal(tifffile.imread(out), summed(stack))
    old, new = metadata(source), metadata(out)
    for key in ("channels", "slices", "spacing", "mode", "Ranges", "Labels"):
        assert new[key] == old[key]
    np.testing.assert_array_equal(new["LUTs"], old["LUTs"])
    assert new["Info"].startswith("Objective: 4x\n")
    assert "CRISPIM_Denoise: model=" in new["Info"]
    with tifffile.TiffFile(source) as a, tifffile.TiffFile(out) as b:
        for tag in ("XResolution", "YResolution"):
            values = [np.divide(*tif.pages.first.tags[tag].value) for tif in (a, b)]
            assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize(
    "plane",
    [
        counts(37, 50, top=256).astype(np.uint8),
        np.random.default_rng(0).normal(0, 1e6, (37, 50)).astype(np.float32),
        np.full((37, 50), 300, np.uint16),
    ],
    ids=["8-bit", "32-bit", "16-bit"],
)
def test_one_plane_of_each_type(fiji: FijiFolder, tmp_path: Path, plane: NDArray[Any]) -> None:
    source, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, plane, imagej=True, metadata={"min": 20.0, "max": 120.0})
    denoise(fiji, "model=crispim-2d", f"input={source}", f"output={out}")
    found = tifffile.imread(out)
    assert found.dtype == plane.dtype
    np.testing.assert_array_equal(found, summed(plane))
    assert (metadata(out)["min"], metadata(out)["max"]) == (20.0, 120.0)


def test_a_folder_whose_names_are_not_plain(fiji: FijiFolder, tmp_path: Path) -> None:
    folder, out = tmp_path / "größe [1", tmp_path / "deep/脑 ]out"
    folder.mkdir()
    planes = {f"{k}.tif": counts(37, 50 + 0 * k) + np.uint16(k) for k in (1, 2, 10)}
    for name, plane in planes.items():
        tifffile.imwrite(folder / name, plane)
    answer = denoise(fiji, "model=crispim-2d", f"input={folder}", f"output={out}")
    assert answer.returned == f"CRISPIM_Denoise: 3 planes written to {out}"
    assert answer.images == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(planes)
    for name, plane in planes.items():
        np.testing.assert_array_equal(tifffile.imread(out / name), summed(plane))


@pytest.mark.parametrize(
    ("network", "words"),
    [
        pytest.param("null", "The command 'Run your network' gave no image", id="no image"),
        pytest.param(
            "new ij.ImagePlus('', new ij.process.FloatProcessor(9, 9))",
            "of 9 x 9 px from",
            id="wrong size",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "image.getProcessor().set(Double.NaN); image", "holds NaN or infinite values", id="NaN"
        ),
    ],
)
def test_a_result_that_is_none(fiji: FijiFolder, tmp_path: Path, network: str, words: str) -> None:
    fiji.add_plugin(network)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in/0.tif", np.zeros((37, 50), np.uint16))
    before = (tmp_path / "in/0.tif").read_bytes()
    answer = denoise(fiji, "model=crispim-2d", f"input={tmp_path}/in", f"output={tmp_path}/out")
    assert answer.returned == "[aborted]"
    assert answer.images == 0
    assert words in answer.printed
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "in/0.tif").read_bytes() == before


AT_THE_THIRD = """
if (new File(ij.IJ.getDirectory('imagej'), 'options.txt').readLines().size() == 3) {{
    {what}
}}
"""
ESCAPE = "ij.Macro.abort(); ij.macro.Interpreter.abort();"  # as ImageJ does where Esc is pressed


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder of 8 planes."""
    (tmp_path / "scan").mkdir()
    for k in range(8):
        tifffile.imwrite(tmp_path / f"scan/{k}.tif", counts(37, 50) + np.uint16(k))
    return tmp_path / "scan"


def check_planes(scan: Path, out: Path, count: int) -> None:
    assert sorted(path.name for path in out.iterdir()) == [f"{k}.tif" for k in range(count)]
    for k in range(count):
        expected = summed(tifffile.imread(scan / f"{k}.tif"))
        np.testing.assert_array_equal(tifffile.imread(out / f"{k}.tif"), expected)


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(ESCAPE, id="Esc"),
        pytest.param(
            "throw new IllegalStateException('of the network')",
            id="failure",
            marks=pytest.mark.long,
        ),
    ],
)
def test_finished_planes_stay_and_are_skipped(
    fiji: FijiFolder, scan: Path, tmp_path: Path, what: str
) -> None:
    lines = ("model=crispim-2d", f"input={scan}", f"output={tmp_path}/out")
    fiji.add_plugin(AT_THE_THIRD.format(what=what) + SUM)
    # Where Esc was pressed there is no answer at all.
    assert denoise(fiji, *lines).returned in ("[aborted]", "null")
    check_planes(scan, tmp_path / "out", 2)
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]

    fiji.add_plugin(SUM)
    (fiji.folder / "options.txt").unlink()
    assert "0.tif exists already" in denoise(fiji, *lines).printed
    answer = denoise(fiji, *lines, "resume=true")
    assert answer.returned == f"CRISPIM_Denoise: 8 planes written to {tmp_path}/out"
    assert len((fiji.folder / "options.txt").read_text().splitlines()) == 6
    check_planes(scan, tmp_path / "out", 8)
    after = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]
    assert after[:2] == times
    assert screen(fiji) == ""


@pytest.mark.parametrize(
    "change",
    ["model", *(pytest.param(one, marks=pytest.mark.long) for one in ("input", "options"))],
)
def test_planes_that_were_made_otherwise_are_not_skipped(
    fiji: FijiFolder, scan: Path, tmp_path: Path, change: str
) -> None:
    lines = ["model=crispim-2d", f"input={scan}", f"output={tmp_path}/out"]
    denoise(fiji, *lines)
    if change == "model":
        (fiji.folder / "models/CRISPIM/crispim-2d.zip").write_text("c zip")
    elif change == "input":
        tifffile.imwrite(scan / "0.tif", np.zeros((37, 50), np.uint16))
        os.utime(scan / "0.tif", (1, 1))
    else:
        lines.append("overlap=48")
    answer = denoise(fiji, *lines, "resume=true")
    assert answer.returned == "[aborted]"
    assert f"The plane {tmp_path}/out/0.tif is not what this run would make" in answer.printed


OPEN_IMAGE = """
lines = split(getArgument(), "\\n");
open(lines[0]);
makeRectangle(1, 2, 3, 4);
run("Add Selection...");
answer = runMacro(lines[1], "model=crispim-2d");
return answer + "|" + getTitle() + "|" + Overlay.size + "|" + getMetadata("Info") + "|"
    + selectionType();
"""
SCRIPT = """
call("java.lang.System.setProperty", "given", String.trim(getArgument()));
return call("groovy.util.Eval.me", ""
    + "def (script, input, output) = System.getProperty('given').readLines();"
    + "def context = ij.IJ.runPlugIn('org.scijava.Context', '');"
    + "def scripts = context.service('org.scijava.script.ScriptService');"
    + "def run = { scripts.run(new File(script), true, it as Map<String, Object>).get() };"
    + "def all = [model: 'crispim-2d', input: new File(input), noise: 'auto', strength: 1d,"
    + " tile: 512, overlap: 0, block: 0, overwrite: false, resume: false];"
    + "def image = run(all + [output: new File('')]).getOutput('denoised');"
    + "def none = run(all + [output: new File(output)]).getOutput('denoised');"
    + "[image.title, image.stackSize, none ?: ''].join(',')");
"""


def test_an_open_image_keeps_all_that_it_has(fiji: FijiFolder, tmp_path: Path) -> None:
    stack = counts(2, 3, 2, 37, 50)
    tifffile.imwrite(
        tmp_path / "brain.tif", stack, imagej=True, metadata={"axes": "TZCYX", "Info": "mine"}
    )
    (tmp_path / "open.ijm").write_text(OPEN_IMAGE)
    answer = fiji.run(
        tmp_path / "open.ijm",
        f"{tmp_path}/brain.tif\n{fiji.folder}/plugins/CRISPIM/CRISPIM_Denoise.ijm",
    )
    said, title, overlay, info, selected = answer.returned.split("|")
    assert said == "CRISPIM_Denoise: 12 planes in the new image"
    assert (title, overlay, selected) == ("brain-denoised", "1", "-1")
    assert info.startswith("mine CRISPIM_Denoise: model=")
    assert answer.images == 2


def test_the_script_for_all_uses(fiji: FijiFolder, tmp_path: Path) -> None:
    """`crispim-denoise.groovy`, run by ImageJ2's service with its processors."""
    planes = counts(2, 37, 50)
    tifffile.imwrite(tmp_path / "in.tif", planes, photometric="minisblack")
    (tmp_path / "script.ijm").write_text(SCRIPT)
    script = fiji.folder / "plugins/CRISPIM/crispim-denoise.groovy"
    lines = (script, tmp_path / "in.tif", tmp_path / "out.tif")
    answer = fiji.run(tmp_path / "script.ijm", "\n".join(map(str, lines)))
    assert answer.returned == "in-denoised,2,", answer.printed
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), summed(planes))
    # The one window is that of a result, and what is recorded is the script.
    assert set(screen(fiji).split("\n")) == {"window of denoised", ""}
    recorded = (fiji.folder / "recorded.txt").read_text().splitlines()
    assert [Path(line).name for line in recorded] == 2 * [script.name]


def test_a_mistyped_model_is_not_remembered(fiji: FijiFolder, tmp_path: Path) -> None:
    (tmp_path / "script.ijm").write_text(SCRIPT.replace("crispim-2d", "crispm-2d"))
    script = fiji.folder / "plugins/CRISPIM/crispim-denoise.groovy"
    answer = fiji.run(tmp_path / "script.ijm", f"{script}\n{tmp_path}/in.tif\n{tmp_path}/out.tif")
    assert "The model crispm-2d (model) is neither a zip file nor the name" in answer.printed
    (tmp_path / "last.ijm").write_text('return call("ij.Prefs.get", "crispim.model", "none");')
    assert fiji.run(tmp_path / "last.ijm").returned in ("none", "crispim-2d")
    # SciJava would store what is typed before anything looks at it.
    assert 'zip file)", persist = false) model' in script.read_text()


def test_a_recorded_line_is_run_again(fiji: FijiFolder, tmp_path: Path) -> None:
    """As ImageJ2 records the script's parameters, ticks among them."""
    fiji.add_plugin(HALF)
    told_zip(fiji.folder / "models/CRISPIM/told.zip")
    plane = of_sd(20)
    tifffile.imwrite(tmp_path / "my in.tif", plane)
    fiji.commands["CRISPIM Denoise"] = fiji.folder / "plugins/CRISPIM/CRISPIM_Denoise.ijm"
    (tmp_path / "recorded.ijm").write_text(
        'run("CRISPIM Denoise", "model=told '
        f"input=[{tmp_path}/my in.tif] output={tmp_path}/out.tif "
        'noise=2:100:9 strength=1.5 tile=64 overlap=0 block=0 overwrite=true resume=false");'
    )
    (tmp_path / "out.tif").write_text("an older one")
    fiji.run(tmp_path / "recorded.ijm")
    assert tifffile.imread(tmp_path / "out.tif").shape == plane.shape
    info = metadata(tmp_path / "out.tif")["Info"]
    assert "noise=2:100:9 strength=1.5 overlap=80 block=8" in info
    assert " tile=64 " in info


PROGRAM = """#!/bin/sh
if [ "$1" = --version ]; then echo crispim-ij 1; exit; fi
echo "$@" > "$(dirname "$0")/told"
for last; do :; done
while [ "$1" != -- ]; do shift; done
cp "$2" "$last"
echo "1 denoised planes written to $last"
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for the program is a POSIX script")
def test_without_the_plugin_the_program_that_filled_this_fiji_denoises(
    fiji_folder: FijiFolder, tmp_path: Path
) -> None:
    program = tmp_path / "crispim-ij"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (fiji_folder.folder / "models/CRISPIM/crispim-2d.zip").write_text("a zip")
    manifest = json.dumps({"command": str(program)}, indent=2)
    (fiji_folder.folder / "plugins/CRISPIM/crispim-ij.json").write_text(manifest)
    tifffile.imwrite(tmp_path / "in.tif", counts(37, 50))
    lines = ("model=crispim-2d", f"input={tmp_path}/in.tif", f"output={tmp_path}/out.tif")
    answer = denoise(fiji_folder, *lines, "noise=20", "tile=64")
    assert answer.returned == f"CRISPIM_Denoise: written to {tmp_path}/out.tif", answer.printed
    told = (tmp_path / "told").read_text()
    assert "--model=crispim-2d --precision=float32 --tile=64 --noise=20 --strength=1 -- " in told
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "in.tif").read_bytes()


def test_without_the_plugin(imagej: ImageJGateway, tmp_path: Path) -> None:
    (tmp_path / "net.zip").write_text("a zip")
    tifffile.imwrite(tmp_path / "in.tif", counts(37, 50))
    with pytest.raises(CrispimError) as caught:
        imagej.run_macro(
            (MACROS / "CRISPIM_Denoise.ijm").read_text(),
            f"model={tmp_path}/net.zip\ninput={tmp_path}/in.tif\noutput={tmp_path}/out.tif",
        )
    assert "no command 'Run your network': add the update site CSBDeep" in str(caught.value)
    assert not (tmp_path / "out.tif").exists()
    assert imagej.run_macro('return "" + nImages;') == "0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "Without a screen there is no dialog"),
        ("input={0}/in.tif", "No model is named (model)"),
        ("model=none", "The model none (model) is neither a zip file nor the name of one in"),
        ("model={0}/in.tif", "is neither a zip file"),
        ("model={0}/a]b.zip", "has a bracket without its other half"),
        ("model={0}/net.zip\ntile=0", "The value 0 (tile) is not a whole number from 1 up"),
        ("model={0}/net.zip\noverlap=1.5", "The value 1.5 (overlap)"),
        ("model={0}/net.zip\nnoise=-3", "The value -3 (noise) is not more than 0"),
        ("model={0}/net.zip\nnoise=loud", "The value loud (noise) is not a number"),
        ("model={0}/net.zip\nstrength=3", "The value 3 (strength) is not from 0.5 to 2"),
        ("model={0}/net.zip", "No image is open"),
        ("model={0}/net.zip\ninput={0}/signed.tif", "is RGB or signed 16-bit"),
    ],
)
def test_wrong_options(imagej: ImageJGateway, tmp_path: Path, options: str, words: str) -> None:
    for name in ("net.zip", "a]b.zip"):
        (tmp_path / name).write_text("a zip")
    tifffile.imwrite(tmp_path / "in.tif", counts(37, 50))
    tifffile.imwrite(tmp_path / "signed.tif", counts(37, 50).astype(np.int16))
    with pytest.raises(CrispimError) as caught:
        imagej.run_macro((MACROS / "CRISPIM_Denoise.ijm").read_text(), options.format(tmp_path))
    assert words in str(caught.value)


REAL_FIJI = os.environ.get("CRISPIM_FIJI", "")


in_a_fiji = pytest.mark.skipif(
    not Path(REAL_FIJI or "-").is_dir(), reason="CRISPIM_FIJI is no folder"
)
on_a_screen = pytest.mark.skipif("DISPLAY" not in os.environ, reason="needs a screen, such as Xvfb")

# Runs the macro of which the path is the argument's first line, since a macro's text alone doesn't
# know what lies beside it.
CALL = """
lines = split(getArgument(), "\\n");
rest = "";
for (i = 2; i < lines.length; i++)
    rest = rest + lines[i] + "\\n";
answer = "" + runMacro(lines[0], rest);
File.saveString(answer, lines[1]);
"""
QUIT = 'call("java.lang.System.exit", "0");'


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plane, a stack, a folder of planes, models, and the command's results."""
    folder = tmp_path_factory.mktemp("noisy planes")
    clean = np.random.default_rng(0).gamma(2, 60, (13, 18)).repeat(16, 0).repeat(16, 1)[:203, :277]
    noise = np.random.default_rng(1).normal(0, 30, (7, *clean.shape))
    planes = (clean + noise).clip(0).astype(np.uint16)
    tifffile.imwrite(folder / "2d.tif", planes[0])
    tifffile.imwrite(folder / "3d.tif", planes[:, :90, :100], imagej=True, metadata={"axes": "ZYX"})
    (folder / "scan").mkdir()
    for k in range(3):
        tifffile.imwrite(folder / f"scan/{k}.tif", planes[k, :90, :100])
    for name, form in (("2d", "csbdeep"), ("3d", "csbdeep-stack")):
        model = f"crispim-{name}"
        for arguments in (
            ("export", model, folder / f"{name}.zip", "--format", form),
            ("denoise", folder / f"{name}.tif", folder / f"py-{name}.tif", "--model", model),
        ):
            subprocess.run([CRISPIM, *map(str, arguments)], check=True)
    subprocess.run([CRISPIM, "denoise", str(folder / "scan"), str(folder / "py-scan")], check=True)
    return folder


def check_equal(found: Path, expected: Path) -> None:
    a, b = tifffile.imread(found), tifffile.imread(expected)
    # Floating-point sums in another order may round to the neighbouring count.
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b).max() <= 1
    assert np.mean(a != b) < 1e-3


@pytest.mark.fiji
@in_a_fiji
@pytest.mark.parametrize("name", ["2d", "3d"])
def test_a_real_fiji_headless_equals_the_command(noisy: Path, name: str) -> None:
    (noisy / "call.ijm").write_text(CALL)
    script = (
        "import os, sys, pathlib, crispim_ij.imagej as i;"
        "g = i.open_gateway(i.GatewaySettings(os.environ['CRISPIM_FIJI']));"
        "g.run_macro(pathlib.Path(sys.argv[1]).read_text(), sys.argv[2])"
    )
    lines = (
        MACROS / "CRISPIM_Denoise.ijm",
        noisy / "answer.txt",
        f"model={noisy}/{name}.zip",
        f"input={noisy}/{name}.tif",
        f"output={noisy}/headless-{name}.tif",
    )
    command = [sys.executable, "-c", script, noisy / "call.ijm", "\n".join(map(str, lines))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=900)
    answer = (noisy / "answer.txt").read_text()
    assert answer.startswith("CRISPIM_Denoise:"), answer + result.stdout + result.stderr
    check_equal(noisy / f"headless-{name}.tif", noisy / f"py-{name}.tif")


@pytest.mark.fiji
@in_a_fiji
@on_a_screen
def test_a_real_fiji_with_a_screen_equals_the_command(noisy: Path) -> None:
    launchers = [*Path(REAL_FIJI).glob("fiji-*"), *Path(REAL_FIJI).glob("ImageJ-*")]
    (noisy / "call.ijm").write_text(CALL + QUIT)
    lines = (
        MACROS / "CRISPIM_Denoise.ijm",
        noisy / "answer.txt",
        f"model={noisy}/2d.zip",
        f"input={noisy}/scan",
        f"output={noisy}/screen",
        "tile=96",
    )
    arguments = ["-macro", str(noisy / "call.ijm"), "\n".join(map(str, lines))]
    # A dialog that nobody answers would keep it until then.
    subprocess.run([str(launchers[0]), *arguments], timeout=900, check=False)
    assert (noisy / "answer.txt").read_text().startswith("CRISPIM_Denoise: 3 planes written to")
    for k in range(3):
        check_equal(noisy / f"screen/{k}.tif", noisy / f"py-scan/{k}.tif")
