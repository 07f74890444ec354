"""`CRISPIM_Preprocess.ijm` gives the pixels of `crispim-ij preprocess`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import ImageJGateway
from tests.macros.conftest import MACROS, FijiFolder, crispim_ij, metadata

MACRO = (MACROS / "CRISPIM_Preprocess.ijm").read_text()
NAMES = ("plane 1.tif", "plane 2.TIF", "plane 3.tiff", "plane 10.tif", "plane 20.tif")


def counts(*shape: int, dtype: type = np.uint16) -> NDArray[Any]:
    return np.random.default_rng(0).gamma(2, 60, shape).clip(0, 255).astype(dtype)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder of 5 planes with a difficult name, and files that are no planes."""
    folder = tmp_path / ("my scan [1" if os.name == "nt" else 'my "scan" [1 \'a\\b;$(c)')
    folder.mkdir()
    for name, plane in zip(NAMES, counts(5, 42, 63), strict=True):
        tifffile.imwrite(folder / name, plane)
    (folder / ".hidden").write_text("")
    (folder / "crispim-preprocess.json").write_text("{}")
    (folder / "older").mkdir()
    return folder


def same_files(first: Path, second: Path) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(tifffile.imread(first / name), tifffile.imread(second / name))
    assert sorted(path.name for path in first.iterdir()) == sorted(NAMES)


def refused(imagej: ImageJGateway, argument: str, *words: str) -> None:
    with pytest.raises(CrispimError) as caught:
        imagej.run_macro(MACRO, argument)
    for word in words:
        assert word in str(caught.value)


def test_a_folder_equals_the_command(imagej: ImageJGateway, scan: Path) -> None:
    macro, command, out = (scan.parent / name for name in ("m", "c", "deep/er [x"))
    answer = imagej.run_macro(
        MACRO, f"input={scan}{os.sep}\noutput={out}\nclean={macro}\nseed=5\nnoise_sd=12.34567"
    )
    assert answer == f"CRISPIM_Preprocess: 5 planes written to {out}"
    crispim_ij(
        "preprocess",
        scan,
        command,
        "--clean",
        scan.parent / "cc",
        "--seed",
        5,
        "--noise-sd",
        12.34567,
    )
    same_files(out, command)
    same_files(macro, scan.parent / "cc")
    assert imagej.run_macro('return "" + nImages;') == "0"


def test_letters_beyond_ascii(fiji_folder: FijiFolder, scan: Path) -> None:
    named = scan.rename(scan.with_name("größe 脑"))
    out, command = named.with_name("Δ"), named.with_name("c")
    answer = fiji_folder.run_crispim(
        "CRISPIM_Preprocess", f"input={named}\noutput={out}\nseed=-7\nseed_stack=true"
    )
    assert answer.returned.startswith("CRISPIM_Preprocess: 5 planes")
    crispim_ij("preprocess", named, command, "--seed=-7", "--seed-stack")
    same_files(out, command)


def test_as_a_command_with_recorded_options(fiji_folder: FijiFolder, scan: Path) -> None:
    named = scan.rename(scan.with_name("a scan"))
    out, command = named.with_name("out put"), named.with_name("c")
    path = fiji_folder.folder / "plugins/CRISPIM/CRISPIM_Preprocess.ijm"
    fiji_folder.commands["CRISPIM Preprocess"] = path
    call = fiji_folder.folder / "call.ijm"
    call.write_text(
        'names = split(getArgument(), "\\n"); run("CRISPIM Preprocess", "input=[" + names[0] + "] '
        'output=[" + names[1] + "] factor=2.5 interpolation=None noise_sd=7.50 seed=3");'
    )
    fiji_folder.run(call, f"{named}\n{out}")
    crispim_ij(
        *("preprocess", named, command, "--factor=2.5", "--interpolation=none", "--no-average"),
        *("--noise-sd=7.5", "--seed=3"),
    )
    same_files(out, command)


@pytest.mark.parametrize(
    ("stack", "axes", "options", "arguments"),
    [
        (counts(2, 3, 42, 63), "ZCYX", "seed=3\nfactor=2.5\ninterpolation=none",
         ("--seed=3", "--factor=2.5", "--interpolation=none")),
        (counts(3, 42, 63, dtype=np.uint8), "ZYX", "seed=-3\naverage=false\ninterpolation=Bicubic",
         ("--seed=-3", "--no-average", "--interpolation=bicubic")),
        (counts(3, 42, 63, dtype=np.float32), "ZYX", "seed=2147483645", ("--seed=2147483645",)),
        (counts(42, 63), "YX", "seed=1\nfactor=0.5\nseed_stack=true", ("--seed=1", "--factor=0.5")),
        (counts(3, 42, 63), "ZYX", "seed=1\nfactor=1\nseed_stack=true",
         ("--seed=1", "--factor=1", "--seed-stack")),
        (counts(3, 42, 63), "ZYX", "noise_sd=0", ("--noise-sd=0",)),
    ],
)  # fmt: skip
def test_a_file_equals_the_command(
    imagej: ImageJGateway,
    tmp_path: Path,
    stack: NDArray[Any],
    axes: str,
    options: str,
    arguments: tuple[str, ...],
) -> None:
    source, macro, command = (tmp_path / name for name in ("a.tif", "m.tif", "c.tif"))
    tifffile.imwrite(source, stack, imagej=True, metadata={"axes": axes, "mode": "composite"})
    imagej.run_macro(MACRO, f"input={source}\noutput={macro}\n{options}")
    crispim_ij("preprocess", source, command, *arguments)
    np.testing.assert_array_equal(tifffile.imread(macro), tifffile.imread(command))


def test_what_was_done_is_in_the_info(imagej: ImageJGateway, scan: Path) -> None:
    out = scan.parent / "out"
    imagej.run_macro(MACRO, f"input={scan}\noutput={out}")
    infos = [metadata(out / name)["Info"] for name in NAMES]
    seeds = {info.partition(" seed=")[2].split()[0] for info in infos}
    assert len(seeds) == 1
    assert (
        infos[3]
        .splitlines()[-1]
        .startswith(
            "CRISPIM_Preprocess: factor=4 interpolation=Bilinear average=true noise_sd=30 seed="
        )
    )
    assert "plane=3 ImageJ=1.53q" in infos[3]
    crispim_ij("preprocess", scan, scan.parent / "c", "--seed", seeds.pop())
    same_files(out, scan.parent / "c")


def test_the_open_image_is_left_as_it_is(imagej: ImageJGateway, tmp_path: Path) -> None:
    stack, out = counts(3, 42, 63), tmp_path / "out.tif"
    tifffile.imwrite(tmp_path / "brain.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    imagej.run_macro(
        "open(getArgument()); makeRectangle(1, 2, 9, 9); setSlice(2);", str(tmp_path / "brain.tif")
    )
    assert imagej.run_macro(MACRO, "seed=1") == "CRISPIM_Preprocess: 3 planes in the new image"
    said = imagej.run_macro(
        'made = getTitle(); saveAs("Tiff", getArgument()); close(); getSelectionBounds(x, y, w, h);'
        'return made + "," + getTitle() + "," + getWidth() + "," + getSliceNumber() + "," + w;',
        str(out),
    )
    assert said == "brain-preprocessed,brain.tif,63,2,9"
    crispim_ij("preprocess", tmp_path / "brain.tif", tmp_path / "c.tif", "--seed=1")
    np.testing.assert_array_equal(tifffile.imread(out), tifffile.imread(tmp_path / "c.tif"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("noise=30", "'noise=30' is none of input=, output="),
        ("noise_sd=30:40", "The range of standard deviations 30:40 (noise_sd) is for NumPy"),
        ("noise_sd=-1", "The noise -1 (noise_sd)"),
        ("noise_sd=70000", "Noise of 70000 counts (noise_sd) exceeds the range"),
        ("noise_sd=many", "The value many (noise_sd) is not a number"),
        ("factor=0", "The factor 0 (factor) is not a positive number"),
        ("factor=100", "have nothing left at factor 100"),
        ("seed=2147483644", "(seed) is not a whole number from -2147483648 to 2147483643"),
        ("seed=1.5", "The seed 1.5 (seed)"),
        ("seed_stack=yes", "(seed_stack) is neither true nor false"),
        ("interpolation=Cubic", "The interpolation Cubic (interpolation) is not None, Bilinear"),
    ],
)
def test_wrong_options(imagej: ImageJGateway, scan: Path, options: str, words: str) -> None:
    out = scan.parent / "out"
    refused(imagej, f"input={scan}\noutput={out}\n{options}", words)
    assert not out.exists()


def test_wrong_places(imagej: ImageJGateway, scan: Path, tmp_path: Path) -> None:
    before = sorted(scan.iterdir())
    refused(imagej, f"input={tmp_path}/nowhere\noutput={tmp_path}/o", "nowhere does not exist")
    refused(imagej, f"input={scan}", "needs a place for its results")
    refused(imagej, f"input={scan}\noutput={scan}", "is the input or lies in it")
    refused(imagej, f"input={scan}\noutput={scan}/out", "is the input or lies in it")
    refused(imagej, f"input={scan}\noutput={tmp_path}/o.tif", "is for many files")
    refused(imagej, f"input={scan / NAMES[0]}\noutput={tmp_path}/o", "is for one file")
    refused(imagej, f"input={scan}\noutput={tmp_path}/o\nclean={tmp_path}/o", "(clean) need")
    refused(imagej, "seed=1", "No image is open")
    refused(imagej, "", "Without a screen there is no dialog")
    assert sorted(scan.iterdir()) == before
    assert not (tmp_path / "o").exists()


def test_files_are_not_replaced_unasked(imagej: ImageJGateway, scan: Path) -> None:
    out = scan.parent / "out"
    out.mkdir()
    (out / NAMES[3]).write_text("mine")
    argument = f"input={scan}\noutput={out}\nseed=1"
    refused(imagej, argument, NAMES[3], "exists already")
    assert [path.name for path in out.iterdir()] == [NAMES[3]]
    imagej.run_macro(MACRO, f"{argument}\noverwrite=true")
    assert tifffile.imread(out / NAMES[3]).shape == (11, 16)


@pytest.mark.parametrize(
    ("plane", "words"),
    [
        (counts(40, 63), "is 63 x 40 px of 16 bits but the first is 63 x 42 px of 16 bits"),
        (counts(42, 63, dtype=np.uint8), "of 8 bits but the first is"),
        (counts(2, 42, 63), "holds 2 planes where a folder's files hold one each"),
        (counts(42, 63).astype(np.int16), "is RGB or signed 16-bit"),
    ],
)
def test_a_plane_that_differs(
    imagej: ImageJGateway, scan: Path, plane: NDArray[Any], words: str
) -> None:
    tifffile.imwrite(scan / NAMES[2], plane, photometric="minisblack")
    out, clean = scan.parent / "out", scan.parent / "clean"
    refused(imagej, f"input={scan}\noutput={out}\nclean={clean}", words)
    # Those before it are finished.
    for folder in (out, clean):
        assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES[:2])


def test_finished_planes_are_skipped(imagej: ImageJGateway, scan: Path) -> None:
    out, plane = scan.parent / "out", (scan / NAMES[2]).read_bytes()
    (scan / NAMES[2]).write_bytes(b"cut off")
    argument = f"input={scan}\noutput={out}"
    with pytest.raises(CrispimError):
        imagej.run_macro(MACRO, argument)
    times = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert {path.name for path in times} == set(NAMES[:2])

    (scan / NAMES[2]).write_bytes(plane)
    answer = imagej.run_macro(MACRO, f"{argument}\nresume=true")
    assert answer == f"CRISPIM_Preprocess: 5 planes written to {out}"
    assert {path: path.stat().st_mtime_ns for path in times} == times
    # With the seed that the first run has drawn.
    seed = metadata(out / NAMES[0])["Info"].partition(" seed=")[2].split()[0]
    crispim_ij("preprocess", scan, scan.parent / "c", "--seed", seed)
    same_files(out, scan.parent / "c")
    words = f"{out / NAMES[0]} is not what this run would make"
    refused(imagej, f"{argument}\nresume=true\nnoise_sd=31", words)
    refused(imagej, f"{argument}\nresume=true\nseed_stack=true", "can't be resumed")


def test_files_that_are_no_planes(imagej: ImageJGateway, scan: Path) -> None:
    (scan / "notes.txt").write_text("lens 2")
    refused(imagej, f"input={scan}\noutput={scan.parent / 'out'}", "notes.txt is not a TIFF file")
    assert not (scan.parent / "out").exists()
