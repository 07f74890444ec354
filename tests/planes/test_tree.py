"""Which stacks a tree of folders holds."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Tree, find_tree, open_stack
from crispim_ij.planes.tree import channel_of
from tests.planes import vendors

PLANE = np.zeros((8, 8), np.uint16)


def planes(folder: Path, count: int = 2) -> None:
    """Write a folder of planes."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        tifffile.imwrite(folder / f"{k}.tif", PLANE)


def stack(file: Path, count: int = 3) -> None:
    """Write a stack file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(file, np.stack([PLANE] * count), photometric="minisblack")


def found(path: Path, *only: str) -> Tree:
    tree = find_tree(path, only)
    assert tree is not None
    return tree


def test_two_levels_in_natural_order(tmp_path: Path) -> None:
    for name in ("100/100_5", "20/20_100", "20/20_5"):
        planes(tmp_path / name)
    (tmp_path / "terastitcher.xml").touch()
    (tmp_path / "20/notes.txt").touch()
    tree = found(tmp_path)
    assert tree.stacks == ("20/20_5", "20/20_100", "100/100_5")
    assert tree.others == ("terastitcher.xml", "20/notes.txt")
    assert tree.channels == {"": tree.stacks}


def test_what_is_one_stack_stays_one(tmp_path: Path) -> None:
    planes(tmp_path / "in")
    (tmp_path / "in/results").mkdir()
    (tmp_path / "in/results/table.csv").touch()
    assert find_tree(tmp_path / "in") is None
    assert find_tree(tmp_path / "in/0.tif") is None
    (tmp_path / "empty/deeper").mkdir(parents=True)
    assert find_tree(tmp_path / "empty") is None
    assert find_tree(tmp_path / "nowhere") is None


def test_files_of_several_pages_are_stacks(tmp_path: Path) -> None:
    for name in ("tile_10.tif", "tile_2.tif"):
        stack(tmp_path / name)
    (tmp_path / "metadata.json").touch()
    tree = found(tmp_path)
    assert tree.stacks == ("tile_2.tif", "tile_10.tif")
    assert tree.others == ("metadata.json",)


def test_a_large_imagej_stack_has_one_page(tmp_path: Path) -> None:
    """ImageJ writes stacks above 4 GB so."""
    tifffile.imwrite(tmp_path / "a.tif", np.stack([PLANE] * 3), imagej=True, truncate=True)
    assert found(tmp_path).stacks == ("a.tif",)


def test_samples_are_planes(tmp_path: Path) -> None:
    """A file of one page is a stack where its samples are channels."""
    for name in "ab":
        stored = np.stack([PLANE] * 3)
        how = {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, **how)
    assert found(tmp_path).stacks == ("a.tif", "b.tif")


def test_planes_that_claim_to_be_more(tmp_path: Path) -> None:
    """Planes of a stack that were saved one by one keep its number of images."""
    (tmp_path / "in").mkdir()
    for k in range(3):
        tifffile.imwrite(
            tmp_path / "in" / f"{k}.tif", PLANE, description="ImageJ=1.53q\nimages=3\nslices=3\n"
        )
    assert find_tree(tmp_path / "in") is None


def test_an_ome_set_is_one_stack(tmp_path: Path) -> None:
    """One image over several files, but not a file for each position."""
    head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">'
    image = (
        '<Image ID="Image:{i}"><Pixels ID="Pixels:{i}" DimensionOrder="XYZCT" Type="uint16" '
        'SizeX="8" SizeY="8" SizeZ="{z}" SizeC="1" SizeT="1"><Channel ID="Channel:{i}:0"/>'
    )
    data = (
        '<TiffData FirstZ="{z}" IFD="{page}"><UUID FileName="{name}.ome.tif">urn:uuid:{name}'
        "</UUID></TiffData>"
    )
    names = "ab"
    parts = [
        data.format(z=2 * k + page, page=page, name=name)
        for k, name in enumerate(names)
        for page in range(2)
    ]
    end = "</Pixels></Image>"
    kinds = {
        "set": image.format(i=0, z=4) + "".join(parts) + end,
        "positions": "".join(
            image.format(i=k, z=2)
            + "".join(data.format(z=page, page=page, name=name) for page in range(2))
            + end
            for k, name in enumerate(names)
        ),
    }
    for kind, images in kinds.items():
        (tmp_path / kind).mkdir()
        for name in names:
            with tifffile.TiffWriter(tmp_path / kind / f"{name}.ome.tif", ome=False) as tif:
                xml = head.format(own=name) + images + "</OME>"
                tif.write(PLANE, description=xml, metadata=None)
                tif.write(PLANE, metadata=None)
    assert find_tree(tmp_path / "set") is None
    assert found(tmp_path / "positions").stacks == ("a.ome.tif", "b.ome.tif")


@pytest.mark.parametrize("kind", ["OME", "Micro-Manager"])
def test_positions_that_are_split_are_stacks(tmp_path: Path, kind: str) -> None:
    """Each has the name of its first file, and all of its planes; so has a stack beside them."""
    vendors.split_positions(tmp_path / "run", kind)
    vendors.pages(tmp_path / "run/z.tif", vendors.planes(2))
    tree = found(tmp_path)
    names = [f"run/run_MMStack_Pos{p}.ome.tif" for p in range(2)]
    assert tree.stacks == (*names, "run/z.tif")
    for p, name in enumerate(names):
        with open_stack(tree, name) as source:
            assert source.path == tmp_path / name
            assert source.notes == ()
            read = [source.read(k) for k in range(len(source))]
            copy = pickle.loads(pickle.dumps(source))  # noqa: S301
        np.testing.assert_array_equal(read, vendors.planes(4, 300 + 1000 * p))
        with copy:
            np.testing.assert_array_equal(copy.read(3), read[3])


def test_stacks_and_planes_in_one_folder_are_not_guessed(tmp_path: Path) -> None:
    """The folder is refused when it is opened, as its first file says why."""
    planes(tmp_path / "a/mixed")
    stack(tmp_path / "a/mixed/2.tif")
    planes(tmp_path / "a/whole")
    assert found(tmp_path).stacks == ("a/mixed", "a/whole")


def test_one_damaged_file_does_not_make_its_neighbours_planes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        stack(tmp_path / name)
    data = (tmp_path / "b.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(b"nothing")
    (tmp_path / "b.tif").write_bytes(data[: len(data) // 3])
    assert found(tmp_path).stacks == ("a.tif", "b.tif", "c.tif")
    planes(tmp_path / "deeper/in", 3)
    (tmp_path / "deeper/in/0.tif").write_bytes(b"nothing")
    assert found(tmp_path / "deeper").stacks == ("in",)


def test_planes_with_stacks_below_are_a_stack_too(tmp_path: Path) -> None:
    planes(tmp_path / "in")
    planes(tmp_path / "in/sub")
    assert found(tmp_path / "in").stacks == (".", "sub")
    assert find_tree(tmp_path / "in", ["."]) is None


def test_zarrs_are_stacks_and_not_looked_into(tmp_path: Path) -> None:
    for name, kind in (("a.zarr", ".zgroup"), ("b.ome.zarr", "zarr.json"), ("c", ".zattrs")):
        planes(tmp_path / name / "0")
        (tmp_path / name / kind).write_text("{}")
    planes(tmp_path / "damaged.zarr/0")
    assert found(tmp_path).stacks == ("a.zarr", "b.ome.zarr", "c", "damaged.zarr")
    assert found(tmp_path).others == ()
    assert find_tree(tmp_path / "a.zarr") is None


def test_what_is_hidden_or_ours_is_passed_over(tmp_path: Path) -> None:
    planes(tmp_path / "a")
    planes(tmp_path / "b")
    planes(tmp_path / ".trash/c")
    for name in (".DS_Store", "Thumbs.db", "crispim-acquisition.json", "a/crispim-preprocess.json"):
        (tmp_path / name).touch()
    assert found(tmp_path).stacks == ("a", "b")
    assert found(tmp_path).others == ()


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_links(tmp_path: Path) -> None:
    """A folder elsewhere is looked into; one above would be without end."""
    planes(tmp_path / "elsewhere")
    planes(tmp_path / "in/a")
    planes(tmp_path / "in/b")
    (tmp_path / "in/a/back").symlink_to(tmp_path / "in")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    (tmp_path / "in/gone.txt").symlink_to(tmp_path / "gone.txt")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "in").stacks == ("a", "b", "linked")
    assert found(tmp_path / "in").others == ()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="needs permissions")
def test_a_folder_that_cannot_be_read_is_a_stack_that_fails(tmp_path: Path) -> None:
    planes(tmp_path / "a")
    (tmp_path / "b").mkdir(mode=0)
    assert found(tmp_path).stacks == ("a", "b")


def test_odd_names(tmp_path: Path) -> None:
    names = ("a [1]", "b*", "ç ü", "x'y", "new\nline")
    for name in names:
        planes(tmp_path / name)
    assert set(found(tmp_path).stacks) == set(names)
    assert found(tmp_path, "a [1]").stacks == ("a [1]",)


ABOVE = {"m.json", "Ex_488/i.txt"}
BELOW = "Ex_488/0/0_0/meta/e.txt"


@pytest.mark.parametrize(
    ("only", "stacks", "others"),
    [
        (["Ex_488*"], ["Ex_488/0/0_0", "Ex_488/0/0_1"], {*ABOVE, "Ex_488/c/d.txt", BELOW}),
        (["Ex_488/"], ["Ex_488/0/0_0", "Ex_488/0/0_1"], {*ABOVE, "Ex_488/c/d.txt", BELOW}),
        (["*/0_1"], ["Ex_488/0/0_1", "Ex_561/0/0_1"], ABOVE),
        (["Ex_561/0/0_1"], ["Ex_561/0/0_1"], {"m.json"}),
        (["Ex_488/0/0_0", "*61*0_0"], ["Ex_488/0/0_0", "Ex_561/0/0_0"], {*ABOVE, BELOW}),
    ],
)
def test_only(tmp_path: Path, only: list[str], stacks: list[str], others: set[str]) -> None:
    """Files go with the stacks that are taken: those above and within them, and those that fit."""
    for channel in ("Ex_488", "Ex_561"):
        for tile in ("0_0", "0_1"):
            planes(tmp_path / channel / "0" / tile)
    for name in ("m.json", "Ex_488/i.txt", "Ex_488/c/d.txt", BELOW):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    tree = found(tmp_path, *only)
    assert list(tree.stacks) == stacks
    assert set(tree.others) == others
    assert tree.channels["Ex_488"] == ("Ex_488/0/0_0", "Ex_488/0/0_1")


def test_only_that_fits_nothing(tmp_path: Path) -> None:
    planes(tmp_path / "a")
    planes(tmp_path / "b")
    with pytest.raises(CrispimError, match=r"fits 'c\*' \(--only\)"):
        find_tree(tmp_path, ["a", "c*"])
    with pytest.raises(CrispimError, match="--only chooses among the stacks of a tree"):
        find_tree(tmp_path / "a", ["0"])


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("Ex_488_Em_525/471320/471320_706990", "Ex_488_Em_525"),
        ("000000/000000_-00010", ""),
        ("-10/-10_000", ""),
        ("tile_01.tif", ""),
        ("tile_01_C0.ome.tif", "C0"),
        ("488/tile_1", "488"),
        ("tile_01_488.tif", "488"),
        ("a/MMStack_Pos0.ome.tif", "a/MMStack"),
        ("1-Pos_000_001", ""),
        ("scan_x01_y02_488nm.tif", "scan_488nm"),
        ("x10/tile 3", "x10"),
        ("t0001.tif", "t0001"),
        ("Pos3/img.zarr", "img"),
    ],
)
def test_channels(path: str, channel: str) -> None:
    """Numbers that may be wavelengths, time points or magnifications tell stacks apart."""
    assert channel_of(path) == channel
