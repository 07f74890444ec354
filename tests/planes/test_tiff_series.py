"""Every plane of what microscopes write, in order, as what it is."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Selection, Source, find_tree, open_source
from tests.planes.vendors import (
    COLUMNS,
    ROWS,
    bare_tags,
    bruker,
    micro_manager,
    ndtiff,
    ome,
    pages,
    pixels_xml,
    placed,
    planes,
    positions,
    stk,
    tiff,
)

Copy = Callable[..., Path]


def check(
    path: Path,
    truth: NDArray[np.generic],
    axes: dict[str, int],
    selection: Selection | None = None,
) -> tuple[str, ...]:
    """Read planes and their parts; return what is said of them."""
    with open_source(path, selection) as source:
        metadata = source.metadata
        found = dict(zip(metadata.axes, metadata.sizes, strict=True))
        assert {axis: size for axis, size in found.items() if size > 1} == axes
        assert len(source) == len(truth)
        np.testing.assert_array_equal([source.read(k) for k in range(len(source))], truth)
        part = slice(3, 9), slice(2, 30)
        for k in range(len(source)):
            np.testing.assert_array_equal(source.read_region(k, *part), truth[(k, *part)])
        return source.notes


def in_one_order(source: Source) -> NDArray[np.generic]:
    """Read planes along T, Z and C, whatever the file's order is."""
    sizes, axes = source.metadata.sizes, source.metadata.axes
    table = np.arange(len(source)).reshape(sizes)
    order = sorted(range(len(axes)), key=lambda k: "TZC".index(axes[k]))
    return np.stack([source.read(k) for k in table.transpose(order).reshape(-1).tolist()])


def everywhere(copy: Copy, path: Path, tmp_path: Path, axes: dict[str, int]) -> None:
    """A file, a folder and an OME-Zarr hold what was read, with its axes."""
    with open_source(path) as source:
        ordered = in_one_order(source)
    for name in ("out.tif", "out.zarr", "out"):
        with open_source(copy(path, tmp_path / "to" / name)) as source:
            sizes = dict(zip(source.metadata.axes, source.metadata.sizes, strict=True))
            copied = in_one_order(source)
        assert {axis: size for axis, size in sizes.items() if size > 1} == axes
        np.testing.assert_array_equal(copied, ordered)


# MetaMorph


def test_stk_holds_more_than_its_page(tmp_path: Path, copy: Copy) -> None:
    pixels = planes(7)
    stk(tmp_path / "a.stk", pixels, [488] * 7, [2 * k for k in range(7)])
    assert not check(tmp_path / "a.stk", pixels, {"Z": 7})
    everywhere(copy, tmp_path / "a.stk", tmp_path, {"Z": 7})


def test_stk_of_one_depth_is_a_time_series(tmp_path: Path) -> None:
    stk(tmp_path / "a.stk", planes(4), [488] * 4, [0] * 4)
    check(tmp_path / "a.stk", planes(4), {"T": 4})


@pytest.mark.parametrize("in_turn", [True, False])
def test_wavelengths_of_an_stk_are_channels(tmp_path: Path, copy: Copy, in_turn: bool) -> None:
    pixels = planes(6)
    waves = [488, 561] * 3 if in_turn else [488] * 3 + [561] * 3
    stk(tmp_path / "a.stk", pixels, waves, [1] * 6)
    order = range(6) if in_turn else [0, 3, 1, 4, 2, 5]
    check(tmp_path / "a.stk", pixels[list(order)], {"Z": 3, "C": 2})
    everywhere(copy, tmp_path / "a.stk", tmp_path, {"Z": 3, "C": 2})


def test_wavelengths_without_partners_are_said(tmp_path: Path) -> None:
    stk(tmp_path / "a.stk", planes(5), [488, 561, 488, 561, 488], [1] * 5)
    (note,) = check(tmp_path / "a.stk", planes(5), {"T": 5})
    assert "several wavelengths" in note


# Micro-Manager


@pytest.mark.parametrize("with_xml", [False, True])
def test_micro_managers_stack(tmp_path: Path, copy: Copy, with_xml: bool) -> None:
    pixels = planes(8)
    name = "run_MMStack_Pos0.ome.tif"
    places = (placed(k, (name, "urn:uuid:1"), C=k % 2, Z=k // 2) for k in range(8))
    xml = ome("urn:uuid:1", pixels_xml(0, {"Z": 4, "C": 2}, "".join(places)))
    micro_manager(tmp_path / name, pixels, 4, 2, xml if with_xml else "")
    # The order of the planes is the XML's, or ImageJ's.
    truth = pixels[[0, 2, 4, 6, 1, 3, 5, 7]] if with_xml else pixels
    assert not check(tmp_path / name, truth, {"Z": 4, "C": 2})
    everywhere(copy, tmp_path / name, tmp_path, {"Z": 4, "C": 2})


def test_a_micro_manager_file_that_was_stopped(tmp_path: Path) -> None:
    pixels = planes(7)
    micro_manager(tmp_path / "other.tif", pixels, 4, 2)
    notes = " ".join(check(tmp_path / "other.tif", pixels[:6], {"Z": 3, "C": 2}))
    assert "1 of the 8 planes" in notes
    assert "1 planes of" in notes


def test_a_set_split_at_4_gb_is_one_stack_by_its_indices(tmp_path: Path, copy: Copy) -> None:
    pixels = planes(8)
    folder = tmp_path / "set"
    folder.mkdir()
    micro_manager(folder / "run_MMStack_Pos0.tif", pixels[:5], 4, 2)
    micro_manager(folder / "run_MMStack_Pos0_1.tif", pixels[5:], 4, 2, first=5)
    assert not check(folder, pixels, {"Z": 4, "C": 2})
    assert find_tree(folder) is None
    everywhere(copy, folder, tmp_path, {"Z": 4, "C": 2})
    pages(folder / "other.tif", planes(2))
    assert find_tree(folder) is None
    with pytest.raises(CrispimError, match=r"other\.tif' is none of the files"):
        open_source(folder)


def test_an_index_of_planes_without_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    micro_manager(path, planes(4), 2, 2)
    content = bytearray(path.read_bytes())
    content[-20:-16] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)
    with pytest.raises(CrispimError, match=r"a\.tif' claims to hold \d+ planes"):
        open_source(path)


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    ndtiff(folder, {"a_NDTiffStack.tif": planes(4), "a_NDTiffStack_1.tif": planes(2)})
    (tmp_path / "b").mkdir()
    positions(tmp_path / "b")
    bruker(tmp_path / "c", 2)
    for path in (folder, tmp_path / "b", tmp_path / "b/p1.ome.tif", tmp_path / "c"):
        with open_source(path, Selection(series=1)) as source:
            other = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
            assert (other.names, other.metadata.axes) == (source.names, source.metadata.axes)
            assert other.notes == source.notes
            np.testing.assert_array_equal(other.read(1), source.read(1))
            other.close()


def test_channels_of_an_ndtiff(tmp_path: Path, copy: Copy) -> None:
    pixels = planes(6)
    folder = tmp_path / "set"
    folder.mkdir()
    ndtiff(folder, {"a_NDTiffStack.tif": pixels[:4], "a_NDTiffStack_1.tif": pixels[4:]})
    assert not check(folder, pixels, {"Z": 3, "C": 2})
    everywhere(copy, folder, tmp_path, {"Z": 3, "C": 2})
    (note,) = check(folder / "a_NDTiffStack_1.tif", pixels[4:], {"C": 2})
    assert "2 of 6 planes are in it" in note


@pytest.mark.parametrize("name", ["../secret.tif", "ABSOLUTE"])
def test_an_ndtiff_reads_nothing_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    pages(tmp_path / "secret.tif", planes(2))
    place = str(tmp_path / "secret.tif") if name == "ABSOLUTE" else name
    ndtiff(tmp_path / "in", {"a.tif": planes(2)}, seen_as=place)
    with pytest.raises(CrispimError, match=r"it names the file"):
        open_source(tmp_path / "in/a.tif")


# ImageJ


def test_a_plane_that_kept_its_stacks_description(tmp_path: Path, copy: Copy) -> None:
    text = "ImageJ=1.53q\nimages=10\nslices=10\nunit=um\nspacing=2.0\nloop=false\n"
    folder = tmp_path / "folder"
    folder.mkdir()
    for k, plane in enumerate(planes(5)):
        pages(folder / f"z{k}.tif", plane[None], text)
    assert not check(folder, planes(5), {"Z": 5})
    (note,) = check(folder / "z0.tif", planes(5)[:1], {})
    assert "says that it holds 10 planes" in note
    everywhere(copy, folder, tmp_path, {"Z": 5})


def test_a_hyperstack_that_was_stopped_keeps_its_channels(tmp_path: Path, copy: Copy) -> None:
    text = "ImageJ=1.53q\nimages=10\nchannels=2\nslices=5\nhyperstack=true\n"
    pages(tmp_path / "a.tif", planes(6), text)
    (note,) = check(tmp_path / "a.tif", planes(6), {"Z": 3, "C": 2})
    assert "holds 6" in note
    everywhere(copy, tmp_path / "a.tif", tmp_path, {"Z": 3, "C": 2})


# tifffile


@pytest.mark.parametrize("how", [{}, {"truncate": True}, {"compression": "zlib"}])
def test_axes_that_tifffile_wrote(tmp_path: Path, copy: Copy, how: dict[str, object]) -> None:
    pixels = planes(6).reshape(2, 3, ROWS, COLUMNS)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "CZYX"}, **how)
    assert not check(path, planes(6), {"C": 2, "Z": 3})
    everywhere(copy, path, tmp_path, {"C": 2, "Z": 3})


def test_axes_without_names_are_said(tmp_path: Path) -> None:
    pixels = planes(6).reshape(2, 3, ROWS, COLUMNS)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    (note,) = check(tmp_path / "a.tif", planes(6), {"Z": 6})
    assert "2 x 3 planes along axes without names" in note


def test_volumes_of_scanimage_follow_each_other(tmp_path: Path) -> None:
    said = "SI.hChannels.channelSave = [1;2]\nSI.hStackManager.numSlices = 2\n"
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in planes(12):
            tif.write(plane, photometric="minisblack", metadata=None, software=said)
    assert not check(tmp_path / "a.tif", planes(12), {"T": 3, "Z": 2, "C": 2})


def test_several_series_of_tifffile(tmp_path: Path) -> None:
    first, second = planes(5), planes(3, 1300)[:, :20]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(first, photometric="minisblack")
        tif.write(second, photometric="minisblack")
    (note,) = check(tmp_path / "a.tif", first, {"Z": 5})
    assert "holds 2 series, of which number 1 is taken: --series" in note
    check(tmp_path / "a.tif", second, {"Z": 3}, Selection(series=2))
    with pytest.raises(CrispimError, match=r"2 series, so series 3 \(--series\)"):
        open_source(tmp_path / "a.tif", Selection(series=3))


def test_planes_written_one_by_one_are_a_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in planes(4):
            tif.write(plane)
    assert not check(tmp_path / "a.tif", planes(4), {"Z": 4})


def test_a_thumbnail_is_no_plane(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in planes(4):
            tif.write(plane, metadata=None, photometric="minisblack")
        tif.write(planes(1)[0, ::4, ::4], metadata=None, subfiletype=1, photometric="minisblack")
    assert not check(tmp_path / "a.tif", planes(4), {"Z": 4})


# ScanImage


def scanimage(path: Path, pixels: NDArray[np.uint16], text: str) -> None:
    """Planes with a description each, as ScanImage before 2016 wrote them."""
    with tifffile.TiffWriter(path) as tif:
        for plane in pixels:
            tif.write(plane, photometric="minisblack", metadata=None, description=text)


@pytest.mark.parametrize(
    "text",
    [
        "state.software.version=3.8\nstate.acq.numberOfChannelsSave=2\n",
        "scanimage.SI5.channelsSave = [1;2]\nscanimage.SI5.a = 1\n",
    ],
)
def test_channels_of_scanimage(tmp_path: Path, copy: Copy, text: str) -> None:
    scanimage(tmp_path / "a.tif", planes(6), text)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_scanimage
    assert not check(tmp_path / "a.tif", planes(6), {"Z": 3, "C": 2})
    everywhere(copy, tmp_path / "a.tif", tmp_path, {"Z": 3, "C": 2})


# Samples, types and tags


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("planar", [True, False])
def test_grey_samples_are_channels(
    tmp_path: Path, copy: Copy, how: dict[str, object], planar: bool
) -> None:
    pixels = planes(3)
    stored = pixels if planar else np.moveaxis(pixels, 0, -1)
    config = "separate" if planar else "contig"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=config, **how)
    assert not check(path, pixels, {"C": 3})
    everywhere(copy, path, tmp_path, {"C": 3})


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("axis", ["Z", "T", "C", ""])
def test_planes_that_tifffile_calls_red_green_and_blue(
    tmp_path: Path, copy: Copy, axis: str, count: int
) -> None:
    """So it writes 3 or 4 planes of any type in a row, unless it is told what they are."""
    how = {"metadata": {"axes": f"{axis}YX"}} if axis else {}
    how |= {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "a.tif", planes(count), **how)
    notes = check(tmp_path / "a.tif", planes(count), {axis or "C": count})
    assert [("red, green and blue" in note) for note in notes] == [True] * (not axis)
    everywhere(copy, tmp_path / "a.tif", tmp_path, {axis or "C": count})


def test_what_is_only_shown_in_another_way_is_said(tmp_path: Path) -> None:
    calibrated = "ImageJ=1.53q\nimages=3\nslices=3\ncf=0\nc0=-32768.0\nc1=1.0\n"
    pages(tmp_path / "a.tif", planes(3), calibrated, extratags=[(274, 3, 1, 6, True)])
    turned, shifted = check(tmp_path / "a.tif", planes(3), {"Z": 3})
    assert "(Orientation 6)" in turned
    assert "by which ImageJ shows other values than it stores" in shifted


def test_transparency_is_no_channel(tmp_path: Path) -> None:
    how = {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(planes(2), 0, -1), **how)
    with pytest.raises(CrispimError, match="colour"):
        open_source(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint32", "int32"])
@pytest.mark.parametrize("as_folder", [False, True])
def test_other_types_are_float32(tmp_path: Path, copy: Copy, dtype: str, as_folder: bool) -> None:
    values = np.random.default_rng(1).normal(40, 9, (3, ROWS, COLUMNS)).astype(dtype)
    path = tmp_path / ("f" if as_folder else "a.tif")
    if as_folder:
        path.mkdir()
        for k, plane in enumerate(values):
            pages(path / f"{k}.tif", plane[None])
    else:
        pages(path, values)
    (note,) = check(path, values.astype(np.float32), {"Z": 3})
    assert f"are {dtype}: they are read as float32" in note
    everywhere(copy, path, tmp_path, {"Z": 3})


@pytest.mark.parametrize(("dtype", "level"), [("uint32", 3e9), ("int32", -2e9), ("float64", 1e12)])
def test_values_that_float32_would_spoil_are_refused(
    tmp_path: Path, dtype: str, level: float
) -> None:
    values = np.random.default_rng(1).normal(level, 20, (2, ROWS, COLUMNS)).astype(dtype)
    values[0] -= values[0].min()
    pages(tmp_path / "a.tif", values)
    with open_source(tmp_path / "a.tif") as source:
        source.read(0)
        with pytest.raises(CrispimError, match=r"plane 1 of .*a.tif' holds .* values that float32"):
            source.read(1)


def test_float64_too_large_for_float32_is_refused(tmp_path: Path) -> None:
    pages(tmp_path / "a.tif", np.full((1, 8, 8), 1e300))
    with open_source(tmp_path / "a.tif") as source, pytest.raises(CrispimError, match="float32"):
        source.read(0)


def test_fill_order_is_the_same_everywhere(tmp_path: Path) -> None:
    plane = planes(1)[0]
    turned = np.packbits(np.unpackbits(plane.view(np.uint8), bitorder="little"), bitorder="big")
    tags = sorted([*bare_tags(plane.nbytes), (259, 3, 1, 1), (262, 3, 1, 1), (266, 3, 1, 2)])
    (tmp_path / "a.tif").write_bytes(tiff(tags, turned.tobytes()))
    check(tmp_path / "a.tif", plane[None], {})


def test_a_page_with_few_tags_is_black_where_0(tmp_path: Path, copy: Copy) -> None:
    plane = planes(1)[0]
    (tmp_path / "a.tif").write_bytes(tiff(bare_tags(plane.nbytes), plane.tobytes()))
    check(tmp_path / "a.tif", plane[None], {})
    for name in ("out.tif", "folder"):
        output = copy(tmp_path / "a.tif", tmp_path / name)
        file = output if output.is_file() else next(output.glob("*.tif"))
        with tifffile.TiffFile(file) as tif:
            assert tif.pages.first.tags[262].value == 1


# OME


@pytest.mark.parametrize("channels", [1, 2])
def test_a_folder_of_binary_only_planes(tmp_path: Path, copy: Copy, channels: int) -> None:
    pixels = bruker(tmp_path / "b", channels)
    axes = {"Z": 4, "C": channels} if channels > 1 else {"Z": 4}
    assert not check(tmp_path / "b", pixels, axes)
    everywhere(copy, tmp_path / "b", tmp_path, axes)
    last = sorted((tmp_path / "b").iterdir())[-1]
    (note,) = check(last, pixels[-1:], {})
    assert f"1 of {4 * channels} planes are in it" in note


def test_a_plane_of_a_set_that_is_gone_is_said(tmp_path: Path) -> None:
    pixels = bruker(tmp_path / "b")
    (tmp_path / "b/T_Ch1_000003.ome.tif").unlink()
    (note,) = check(tmp_path / "b", pixels[[0, 1, 3]], {"Z": 3})
    assert "1 of the 4 planes" in note


def test_a_plane_that_its_set_does_not_list_is_said(tmp_path: Path) -> None:
    pixels = bruker(tmp_path / "b")
    pages(tmp_path / "b/T_Ch1_000005.ome.tif", planes(1))
    (note,) = check(tmp_path / "b", np.concatenate([pixels, planes(1)]), {"Z": 5})
    assert "lists 4 of the 5 files, and not 'T_Ch1_000005.ome.tif'" in note


@pytest.mark.parametrize("in_xml", [True, False])
def test_planes_of_two_stage_positions_are_said(tmp_path: Path, in_xml: bool) -> None:
    def write(name: str, k: int, position: str) -> None:
        inside = f'<StageLabel Name="{position}"/><Pixels'
        xml = ome("", pixels_xml(0, {}, placed(0)).replace("<Pixels", inside, 1))
        words = json.dumps({"PositionName": position})
        how = {} if in_xml else {"extratags": [(51123, 2, 0, words, True)]}
        pages(tmp_path / name, planes(4)[k : k + 1], xml if in_xml else None, **how)

    for k in range(4):
        write(f"{k}.tif", k, f"A{k // 2}")
    (note,) = check(tmp_path, planes(4), {"Z": 4})
    assert "0.tif' is of the stage position 'A0' but '3.tif' of 'A1'" in note
    write("3.tif", 3, "A0")
    assert not check(tmp_path, planes(4), {"Z": 4})


def test_a_companion_file_tells_of_the_planes(tmp_path: Path) -> None:
    pixels = planes(3)
    names = ["c.ome.tif", "b.ome.tif", "a.ome.tif"]
    data = "".join(placed(0, (name, f"urn:uuid:{k}"), Z=k) for k, name in enumerate(names))
    for k, name in enumerate(names):
        only = '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/>'
        pages(tmp_path / name, pixels[k : k + 1], ome(f"urn:uuid:{k}", only))
    (note,) = check(tmp_path, pixels[::-1], {"Z": 3})
    assert "set.companion.ome', which is not beside it" in note
    (tmp_path / "set.companion.ome").write_text(ome("urn:uuid:9", pixels_xml(0, {"Z": 3}, data)))
    assert not check(tmp_path, pixels, {"Z": 3})
    check(tmp_path / "b.ome.tif", pixels[1:2], {})


def test_each_position_is_its_own(tmp_path: Path, copy: Copy) -> None:
    positions(tmp_path)
    assert not check(tmp_path / "p0.ome.tif", planes(4), {"Z": 4})
    assert not check(tmp_path / "p1.ome.tif", planes(6, 1300), {"Z": 6})
    everywhere(copy, tmp_path / "p1.ome.tif", tmp_path, {"Z": 6})
    with tifffile.TiffFile(tmp_path / "to/out.tif") as tif:
        root = ET.fromstring(tif.ome_metadata)  # noqa: S314 - our own text
        np.testing.assert_array_equal(tif.asarray(), planes(6, 1300))
    (image,) = (element for element in root if element.tag.endswith("Image"))
    (plane,) = (element for element in image.iter() if element.tag.endswith("Plane"))
    assert (image.get("Name"), plane.get("PositionX")) == ("Pos1", "1250.0")


def test_a_folder_of_positions_has_series(tmp_path: Path) -> None:
    positions(tmp_path)
    (note,) = check(tmp_path, planes(4), {"Z": 4})
    assert "2 series, of which number 1, 'Pos0', is taken" in note
    check(tmp_path, planes(6, 1300), {"Z": 6}, Selection(series=2))


def test_a_folder_of_positions_is_a_tree_that_says_them(tmp_path: Path) -> None:
    """Each is a stack of its own, also where another stack lies beside them."""
    positions(tmp_path)
    pages(tmp_path / "q.tif", planes(2))
    tree = find_tree(tmp_path)
    assert tree is not None
    assert tree.stacks == ("p0.ome.tif", "p1.ome.tif", "q.tif")


def test_a_folder_of_planes_of_two_positions_has_series(tmp_path: Path) -> None:
    """The planes that are counted are those of the position that is read."""
    pixels = planes(5)
    files = [(f"{k}.ome.tif", f"urn:uuid:{k}") for k in range(5)]
    images = ""
    for n, of in enumerate((files[:2], files[2:])):
        data = "".join(placed(0, file, Z=z) for z, file in enumerate(of))
        images += pixels_xml(n, {"Z": len(of)}, data)
    for (name, uuid), plane in zip(files, pixels, strict=True):
        pages(tmp_path / name, plane[None], ome(uuid, images))
    check(tmp_path, pixels[:2], {"Z": 2})
    check(tmp_path, pixels[2:], {"Z": 3}, Selection(series=2))


def test_a_stack_split_at_4_gb_is_whole_as_a_folder(tmp_path: Path, copy: Copy) -> None:
    pixels = planes(7)
    folder = tmp_path / "split"
    folder.mkdir()
    files = [("s_MMStack.ome.tif", "urn:uuid:1"), ("s_MMStack_1.ome.tif", "urn:uuid:2")]
    data = "".join(placed(k % 4, files[k // 4], Z=k) for k in range(7))
    pages(folder / files[0][0], pixels[:4], ome(files[0][1], pixels_xml(0, {"Z": 7}, data)))
    only = f'<BinaryOnly MetadataFile="{files[0][0]}" UUID="{files[0][1]}"/>'
    pages(folder / files[1][0], pixels[4:], ome(files[1][1], only))
    (folder / "s_metadata.txt").write_text("{}")
    assert not check(folder, pixels, {"Z": 7})
    everywhere(copy, folder, tmp_path, {"Z": 7})
    (note,) = check(folder / files[1][0], pixels[4:], {"Z": 3})
    assert "3 of 7 planes are in it" in note
    assert "give the folder" in note


def test_an_acquisition_that_was_stopped(tmp_path: Path, copy: Copy) -> None:
    data = "".join(placed(k, Z=k % 4, T=k // 4) for k in range(5))
    pages(tmp_path / "a.ome.tif", planes(5), ome("", pixels_xml(0, {"Z": 4, "T": 3}, data)))
    notes = check(tmp_path / "a.ome.tif", planes(5), {"T": 5})
    assert "7 of the 12 planes" in notes[0]
    assert "copy" not in " ".join(notes)
    everywhere(copy, tmp_path / "a.ome.tif", tmp_path, {"T": 5})


def test_stopped_slices_keep_whole_channels(tmp_path: Path) -> None:
    data = "".join(placed(k, Z=k // 2, C=k % 2) for k in range(5))
    pages(tmp_path / "a.ome.tif", planes(5), ome("", pixels_xml(0, {"Z": 4, "C": 2}, data)))
    notes = check(tmp_path / "a.ome.tif", planes(5)[[0, 2, 1, 3]], {"Z": 2, "C": 2})
    assert "3 of the 8 planes" in notes[0]
    assert "1 planes of" in notes[1]


def test_a_second_image_is_a_series(tmp_path: Path) -> None:
    first = pixels_xml(0, {"Z": 5}, '<TiffData IFD="0" PlaneCount="5"/>')
    second = pixels_xml(1, {"Z": 3}, '<TiffData IFD="5" PlaneCount="3"/>')
    pages(tmp_path / "a.ome.tif", planes(8), ome("", first + second))
    (note,) = check(tmp_path / "a.ome.tif", planes(8)[:5], {"Z": 5})
    assert "holds 2 series" in note
    check(tmp_path / "a.ome.tif", planes(8)[5:], {"Z": 3}, Selection(series=2))


def test_pages_that_no_image_lists_are_said(tmp_path: Path) -> None:
    image = pixels_xml(0, {"Z": 5}, '<TiffData IFD="0" PlaneCount="5"/>')
    pages(tmp_path / "a.ome.tif", planes(8), ome("", image))
    (note,) = check(tmp_path / "a.ome.tif", planes(8)[:5], {"Z": 5})
    assert "3 pages that its OME-XML doesn't list" in note


@pytest.mark.parametrize(
    "data", ['<TiffData IFD="0"/>', '<TiffData PlaneCount="0"/>', "<MetadataOnly/>", ""]
)
def test_pages_that_are_not_counted_follow_each_other(
    tmp_path: Path, copy: Copy, data: str
) -> None:
    pages(tmp_path / "a.ome.tif", planes(6), ome("", pixels_xml(0, {"Z": 3, "C": 2}, data)))
    assert not check(tmp_path / "a.ome.tif", planes(6), {"Z": 3, "C": 2})
    everywhere(copy, tmp_path / "a.ome.tif", tmp_path, {"Z": 3, "C": 2})


def test_planes_outside_of_the_sizes_are_taken(tmp_path: Path, copy: Copy) -> None:
    data = placed(0, C=0) + placed(1, C=1)
    pages(tmp_path / "a.ome.tif", planes(2), ome("", pixels_xml(0, {"C": 1}, data)))
    (note,) = check(tmp_path / "a.ome.tif", planes(2), {"C": 2})
    assert "SizeC=1" in note
    everywhere(copy, tmp_path / "a.ome.tif", tmp_path, {"C": 2})


def test_samples_of_an_ome_page_are_channels(tmp_path: Path, copy: Copy) -> None:
    pixels = planes(6).reshape(2, 3, ROWS, COLUMNS)
    channel = '<Channel ID="Channel:0:0" SamplesPerPixel="3"/>'
    data = placed(0, Z=0) + placed(1, Z=1)
    xml = ome("", pixels_xml(0, {"Z": 2, "C": 3}, data, channel))
    pages(tmp_path / "a.ome.tif", pixels, xml, planarconfig="separate")
    truth = pixels.transpose(1, 0, 2, 3).reshape(6, ROWS, COLUMNS)
    assert not check(tmp_path / "a.ome.tif", truth, {"Z": 2, "C": 3})
    everywhere(copy, tmp_path / "a.ome.tif", tmp_path, {"Z": 2, "C": 3})


# Folders


def test_notes_beside_planes_are_left_out(tmp_path: Path) -> None:
    for k, plane in enumerate(planes(3)):
        pages(tmp_path / f"{k}.tif", plane[None])
    for name in ("metadata.txt", "a.XML", "scan.ini", "run.log", "acq.json"):
        (tmp_path / name).write_text("x")
    assert not check(tmp_path, planes(3), {"Z": 3})
    with open_source(tmp_path) as source:
        assert source.left_out == ("a.XML", "acq.json", "metadata.txt", "run.log", "scan.ini")
    (tmp_path / "3.png").write_bytes(b"a plane")
    with pytest.raises(CrispimError, match=r"3\.png' is not a TIFF file"):
        open_source(tmp_path)
