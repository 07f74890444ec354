"""Channels, slices and time points in the names of files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natsort import natsorted

from crispim_ij.errors import CrispimError
from crispim_ij.planes.plane_names import NamedPlanes, arrange, file_names

FOLDER = Path("scan")


def arranged(names: Iterable[str]) -> NamedPlanes:
    return arrange(natsorted(f"{name}.tif" for name in names), FOLDER)


def grid(pattern: str, **axes: Iterable[object]) -> list[str]:
    """Names with every combination of some values."""
    places = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [pattern.format(**place) for place in places]


TOLD = {
    "letters": (grid("b_C{c}_Z{z:04}", c=range(2), z=range(5)), "CZ", (2, 5), ("C0", "C1")),
    "ch, running": (
        grid("b_ch{c:02}_{z}", c=range(2), z=range(12)),
        "CZ",
        (2, 12),
        ("ch00", "ch01"),
    ),
    "channel last": (
        grid("b_{z:03}_c{c:03}", c=range(2), z=range(9)),
        "ZC",
        (9, 2),
        ("c000", "c001"),
    ),
    "ImageJ's split": (grid("C{c}-b_{z:03}", c=(1, 2), z=range(9)), "CZ", (2, 9), ("C1", "C2")),
    "MetaMorph": (
        grid("exp_w{c}_s1_t{t}", c=("1DAPI", "2GFP"), t=range(1, 12)),
        "CT",
        (2, 11),
        ("DAPI", "GFP"),
    ),
    "MetaMorph, slices": (
        grid("exp_w{c}_{z}", c=("1CSU-488", "2CSU-561"), z=range(1, 12)),
        "CZ",
        (2, 11),
        ("CSU-488", "CSU-561"),
    ),
    "light": (
        grid("Ex_{c}_{z:05}", c=("488_Em_525", "561_Em_600"), z=range(3)),
        "CZ",
        (2, 3),
        ("Ex_488_Em_525", "Ex_561_Em_600"),
    ),
    "nm": (grid("{z}_{c}nm", c=(488, 561), z=range(12)), "ZC", (12, 2), ("488nm", "561nm")),
    "Micro-Manager": (
        grid(
            "img_channel{c:03}_position000_time{t:09}_z{z:03}", c=range(2), t=range(3), z=range(4)
        ),
        "CTZ",
        (2, 3, 4),
        ("channel000", "channel001"),
    ),
    "Micro-Manager 1.4": (
        grid("img_{t:09}_{c}_{z:03}", t=range(2), c=("DAPI", "My light"), z=range(4)),
        "TCZ",
        (2, 2, 4),
        ("DAPI", "My light"),
    ),
    "three letters": (
        grid("t{t:04}_c{c:04}_z{z:04}", t=range(3), c=range(2), z=range(4)),
        "TCZ",
        (3, 2, 4),
        ("c0000", "c0001"),
    ),
    "no separators": (
        grid("s_C{c:03}Z{z:03}T{t:03}", c=(1, 2), z=range(4), t=range(3)),
        "CZT",
        (2, 4, 3),
        ("C001", "C002"),
    ),
    "Bruker": (
        grid("T-001_Cycle{t:05}_Ch{c}_{z:06}.ome", t=range(2), c=(1, 2), z=range(4)),
        "TCZ",
        (2, 2, 4),
        ("Ch1", "Ch2"),
    ),
    "LaVision": (
        grid("10-22_b_UltraII[00 x 00]_C{c:02}_xyz-Table Z{z:04}.ome", c=range(2), z=range(4)),
        "CZ",
        (2, 4),
        ("C00", "C01"),
    ),
    "dyes": (grid("b_{c}_{z}", c=("Cy5", "DAPI"), z=range(9)), "CZ", (2, 9), ("Cy5", "DAPI")),
    "steps": (grid("S_z{z}_ch{c}", z=(0.0, 2.5, 10.0), c=(0, 1)), "ZC", (3, 2), ("ch0", "ch1")),
    "stamps": (
        [f"b_C{c}_{97 * z + c}ms_Z{z}" for c in range(2) for z in range(9)],
        "CZ",
        (2, 9),
        ("C0", "C1"),
    ),
    "planes alone": (["C1-b", "C2-b"], "C", (2,), ("C1", "C2")),
    "time points": (grid("b_t{t:03}", t=range(9)), "T", (9,), ()),
    "time and slices": (grid("t{t}_{z:03}", t=range(2), z=range(9)), "TZ", (2, 9), ()),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_names_tell(case: str) -> None:
    names, axes, sizes, channels = TOLD[case]
    planes = arranged(names)
    assert (planes.axes, planes.sizes, planes.channels) == (axes, sizes, channels)
    assert list(planes.names) == natsorted(f"{name}.tif" for name in names)


@pytest.mark.parametrize(
    "names",
    [
        grid("{z}", z=range(12)),
        grid("plane_{z:03}", z=range(12)),
        grid("C2_sample_{z:04}", z=range(12)),
        grid("scan_c{z}", z=range(300)),
        grid("scan_c{z}", z=range(12)),
        grid("scan_ch{z:04}", z=range(300)),
        grid("b_ch00_{z}", z=range(12)),
        grid("z{z:03}_c57bl6", z=range(12)),
        grid("T1_w8_{z:03}", z=range(12)),
        grid("B{x}_z{z:03}", x=range(2), z=range(9)),
        [f"c{1 + z // 6}_{z:03}" for z in range(12)],
        ["TIC0_1", "TIC1_1"],
        ["one"],
    ],
    ids=lambda names: names[0],
)
def test_names_that_tell_nothing_are_one_stack(names: list[str]) -> None:
    planes = arranged(names)
    assert (planes.axes, planes.sizes, planes.channels) == ("Z", (len(names),), ())
    assert list(planes.names) == natsorted(f"{name}.tif" for name in names)


STEMS = ["brain", "time", "tile", "my ch", "Pos", "b_C", "z", "a_p", "", "e_w1DAPI_s1_t1"]


@pytest.mark.parametrize("stem", STEMS)
def test_our_own_names_are_of_slices(stem: str) -> None:
    names = file_names(stem, {"T": 1, "Z": 12})
    planes = arrange(names, FOLDER)
    assert (planes.names, planes.axes, planes.notes) == (names, "Z", ())


# Lengths, the channels' names, the last file's name, and the channels' names as they are read.
OWN = {
    "ImageJ's": ("T2 Z3 C2", (), "t0002_z0003_c0002", ("c0001", "c0002")),
    "dyes": ("C2 Z3", ("DAPI", "GFP"), "GFP_z0003", ("DAPI", "GFP")),
    "another order": ("Z3 C2", ("GFP", "DAPI"), "z0003_w2DAPI", ("GFP", "DAPI")),
    "wavelengths": ("Z3 C2", ("488", "561"), "z0003_561nm", ("488nm", "561nm")),
    "words": ("T5 C2", ("a_b", "c/d."), "t0005_w2c-d-", ("a-b", "c-d-")),
    "some without": ("Z3 C2", ("", "axons"), "z0003_w2axons", ("w1", "axons")),
    "channels alone": ("C7", (), "ch7", tuple(f"ch{k}" for k in range(1, 8))),
    "spectra": ("C20 Z3", (), "c0020_z0003", tuple(f"c{k:04}" for k in range(1, 21))),
    "time alone": ("T3 Z1", (), "t0003", ()),
}


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("case", OWN)
def test_our_own_names_tell_channels_and_time_points(stem: str, case: str) -> None:
    said, channels, last, told = OWN[case]
    lengths = {one[0]: int(one[1:]) for one in said.split()}
    names = file_names(stem, lengths, channels)
    planes = arrange(natsorted(names), FOLDER)
    several = {axis: size for axis, size in lengths.items() if size > 1}
    assert names[-1] == f"{stem}_{last}.tif"
    assert planes.names == names
    assert dict(zip(planes.axes, planes.sizes, strict=True)) == several
    assert (planes.channels, planes.notes) == (told, ())


DOUBTFUL = {
    "positions alone": (grid("b_Pos{p}", p=range(4)), "Z", "Pos0, Pos1, Pos2, ..."),
    "letters alone": (grid("b_p{p:03}", p=range(2)), "Z", "p000, p001"),
    "letters and time": (grid("b_p{p:03}_t{t}", p=range(2), t=range(3)), "ZT", "p000, p001"),
    "running on": ([f"XY{1 + z // 6}_{z:03}" for z in range(12)], "Z", "XY1, XY2"),
    "slices twice": (grid("B{b}_z{z:03}", b=range(2), z=range(9)), "Z", "B0_..., B1_..."),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_names_that_may_be_of_several_stacks_are_said(case: str) -> None:
    names, axes, stacks = DOUBTFUL[case]
    planes = arranged(names)
    assert (planes.axes, math.prod(planes.sizes)) == (axes, len(names))
    (note,) = planes.notes
    assert f"'scan' may tell several stacks ({stacks}): all planes are taken" in note


@pytest.mark.parametrize(
    "names",
    [
        grid("{z}", z=range(12)),
        grid("{z:04}", z=range(0, 1200, 50)),
        grid("brain ({z})", z=range(12)),
        [f"{1000 * k + 7 * k % 5}" for k in range(12)],
        grid("Pos1_z{z}", z=range(12)),
        grid("z{z}_stage_{z}", z=range(3)),
        [f"z{z}_stage_{z * 2.5}" for z in range(9)],
        grid("b_s{z:03}", z=range(20)),
        grid("b_ch{c}_z{z}", c=range(2), z=range(3)),
    ],
    ids=lambda names: names[-1],
)
def test_names_of_one_stack_say_nothing(names: list[str]) -> None:
    assert arranged(names).notes == ()


GAPS = {
    "slices": (["z1", "z2", "z5", "z6"], "2 planes are missing, the first after 'z2'"),
    "steps": (["a_0010", "a_0020", "a_0030", "a_0060"], "2 planes are missing, the first after"),
    "in all channels": (grid("C{c}_z{z}", c=(1, 2), z=(1, 2, 3, 5)), "1 plane is missing, the"),
    "time points": (grid("b_t{t:03}", t=(0, 1, 2, 4, 5)), "the first after 't002'"),
    "numbers twice": (["z1", "z01", "z2"], "'z1.tif' and 'z01.tif' in 'scan' have the same number"),
    "Windows": (["z1", "z1 (1)", "z2"], "'z1 (1).tif' in 'scan' seems to be a copy of 'z1.tif'"),
    "macOS": (["z1", "z2", "z2 copy"], "'z2 copy.tif' in 'scan' seems to be a copy of 'z2.tif'"),
}


@pytest.mark.parametrize("case", GAPS)
def test_planes_that_are_missing_or_there_twice_are_said(case: str) -> None:
    names, says = GAPS[case]
    (note, *_) = arranged(names).notes
    assert says in note


FULL = grid("b_C{c}_Z{z}", c=range(2), z=range(12))


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            [name for name in FULL if name != "b_C1_Z7"],
            "tell 2 channels, 12 slices, but 1 of 24 planes are missing, such as C1, Z7 beside "
            "'b_C0_Z7.tif'",
        ),
        ([n for n in grid("b_ch{c}_{z}", c="01", z=range(9)) if n != "b_ch0_4"], "beside 'b_ch1_4"),
        (
            [f"b_ch{c}_{z + 100 * c}" for c in range(2) for z in range(9)],
            "18 of 36 planes are missing",
        ),
        ([n for n in grid("t{t}_z{z}", t=range(3), z=range(9)) if n != "t2_z8"], "such as t2, z8"),
        (grid("{s}_C{c}_Z{z}", s="lr", c=range(2), z=range(3)), "'l_C0_Z0.tif' and 'r_C0_Z0.tif'"),
        (
            grid("ch{c}_pos{p}_z{z}", c=range(2), p=range(2), z=range(3)),
            r"several stacks (pos0, pos1)",
        ),
        (grid("ch{c}_pos{p}", c=range(2), p=range(2)), r"several stacks (pos0, pos1)"),
        (grid("e_w{c}_s{p}_t1", c=("1a", "2b"), p=range(2)), r"several stacks (s0, s1)"),
        (grid("tile{x}_z{z:03}", x=range(2), z=range(9)), "9 slices, and those of several stacks"),
        (grid("b_p{p:03}_z{z}", p=range(2), z=range(9)), r"several stacks (p000, p001)"),
        (grid("{z}_s{p}", p=range(1, 4), z=range(9)), r"several stacks (s1, s2, s3)"),
        (grid("pos{p}_z{z}_w{c}", p=(1, 2), z=range(9), c=("1a", "2b")), "stacks (pos1, pos2)"),
        (grid("e_s{p}_t{t}", p=range(1, 3), t=range(1, 9)), "8 time points, and those of several"),
        (grid("b_Position {p}_{z:03}", p=(1, 2), z=range(9)), "(Position 1, Position 2)"),
        (grid("b[00 x {p:02}]_xyz-Table Z{z:04}.ome", p=(0, 1), z=range(9)), "([00 x 00], [00 x"),
        (grid("x{p}_y{p}_{z:03}", p=(0, 1), z=range(9)), "(x0_y0, x1_y1)"),
        (grid("t01xy{p:02}z{z:02}", p=(1, 2), z=range(9)), "(xy01, xy02)"),
        (
            grid("img_channel000_position{p:03}_time000000000_z{z:03}", p=(0, 1), z=range(3)),
            "(position000, position001)",
        ),
        (grid("XY{p}_z{z}", p=(1, 2), z=range(9))[:-2], "several stacks (XY1, XY2)"),
        ([*FULL, "overview"], "'scan/overview.tif' doesn't say in its name"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_grids_with_holes_and_several_stacks_are_refused(names: list[str], says: str) -> None:
    with pytest.raises(CrispimError) as caught:
        arranged(names)
    assert says in str(caught.value).replace("\\", "/")


def test_names_out_of_order_are_ordered_by_their_tags() -> None:
    """A stamp before the tags comes first in natural order."""
    names = ["5_C0_Z0", "3_C1_Z0", "4_C0_Z1", "6_C1_Z1"]
    planes = arranged(names)
    assert (planes.axes, planes.sizes) == ("ZC", (2, 2))
    assert planes.names == tuple(f"{name}.tif" for name in names)


TAGS = {
    "C": st.sampled_from(["C{}", "ch{:02}", "channel{:03}", "_c{:03}", "Ex_{0}_Em_{0}"]),
    "T": st.sampled_from(["t{:03}", "T{}", "time{:09}"]),
    "Z": st.sampled_from(["z{:04}", "Z{}", "slice_{:02}", "{:05}"]),
}


@given(st.data())
def test_any_full_grid_is_found(data: st.DataObject) -> None:
    """Tags in any order, with any names around them: each file has its own place."""
    axes = data.draw(st.permutations("CTZ"))
    sizes = {axis: data.draw(st.integers(2, 4)) for axis in axes}
    patterns = {axis: data.draw(TAGS[axis]) for axis in axes}
    specimen = data.draw(st.sampled_from(["brain", "C2_sample", "2021-03-04", "mouse 7", "T1w"]))
    names = {
        "_".join([specimen, *(patterns[a].format(k) for a, k in zip(axes, place, strict=True))])
        + ".tif": dict(zip(axes, place, strict=True))
        for place in product(*(range(sizes[axis]) for axis in axes))
    }
    planes = arrange(natsorted(names), FOLDER)
    assert dict(zip(planes.axes, planes.sizes, strict=True)) == sizes
    for name, place in zip(planes.names, product(*map(range, planes.sizes)), strict=True):
        assert names[name] == dict(zip(planes.axes, place, strict=True))


@given(st.lists(st.text("aCcTtZz019_-. wPpos", max_size=12), min_size=1, max_size=12, unique=True))
def test_any_names_keep_every_file(stems: list[str]) -> None:
    names = natsorted(f"{stem}.tif" for stem in stems)
    try:
        planes = arrange(names, FOLDER)
    except CrispimError:
        return
    assert sorted(planes.names) == sorted(names)
    assert math.prod(planes.sizes) == len(names)
    assert planes.axes != "Z" or list(planes.names) == names
