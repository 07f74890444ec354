"""Files as microscopes write them, byte by byte where no library writes them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

ROWS, COLUMNS = 24, 40
OME = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def planes(count: int, first: int = 300) -> NDArray[np.uint16]:
    """Planes of which number k has a mean of `first` + 100 k counts."""
    rng = np.random.default_rng(first)
    levels = first + 100 * np.arange(count)[:, None, None]
    return (levels + rng.normal(0, 9, (count, ROWS, COLUMNS))).round().astype("<u2")


def tiff(tags: Sequence[tuple[int, int, int, int]], data: bytes, extra: bytes = b"") -> bytes:
    """A file of one page: pixels from byte 8 on, then the page, then `extra`."""
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + page + bytes(4) + extra


def bare_tags(strip: int) -> list[tuple[int, int, int, int]]:
    """What a page of 16 bits can't do without."""
    return [
        (256, 4, 1, COLUMNS), (257, 4, 1, ROWS), (258, 3, 1, 16), (273, 4, 1, 8),
        (277, 3, 1, 1), (278, 4, 1, ROWS), (279, 4, 1, strip),
    ]  # fmt: skip


def stk(
    path: Path,
    pixels: NDArray[np.uint16],
    waves: Sequence[int],
    distances: Sequence[int],
    unit: str = "",
) -> None:
    """A MetaMorph stack: a page, and the pixels of all planes one after another.

    With a unit pixels are 0.65 of it wide and 0.5 high.
    """
    count = len(pixels)
    data = pixels.tobytes()
    tags = [*bare_tags(len(data) // count), (259, 3, 1, 1), (262, 3, 1, 1)]
    begin = 8 + len(data) + 2 + 12 * (len(tags) + 4) + 4
    times = [(d, 1, 2459000, 1000 * k, 2459000, 1000 * k) for k, d in enumerate(distances)]
    blobs = [
        struct.pack("<2I", 1, 0),
        b"".join(struct.pack("<6I", *one) for one in times),
        b"".join(struct.pack("<2I", wave, 1) for wave in waves),
        _calibration(unit) + struct.pack("<H", 0) + bytes(16),
    ]
    extra = b""
    for number, blob in enumerate(blobs):
        kind, length = ((4, 1), (5, count), (5, count), (4, count))[number]
        tags.append((33628 + number, kind, length, begin + len(extra)))
        extra += blob
    path.write_bytes(tiff(sorted(tags), data, extra))


def _calibration(unit: str) -> bytes:
    if not unit:
        return b""
    sizes = (
        struct.pack("<HI", 3, 1) + struct.pack("<H2I", 4, 65, 100) + struct.pack("<H2I", 5, 1, 2)
    )
    return sizes + struct.pack("<HI", 6, len(unit) + 1) + unit.encode() + b"\0"


def lsm(path: Path, pixels: NDArray[np.uint16], **said: float) -> None:
    """A Zeiss stack along Z: a thumbnail behind each plane, and a record of what is `said`."""
    record = np.zeros(1, tifffile.TIFF.CZ_LSMINFO)
    sizes = {"DimensionX": COLUMNS, "DimensionY": ROWS, "DimensionZ": len(pixels)}
    head = {"MagicNumber": 67127628, "StructureSize": record.nbytes, "DimensionChannels": 1}
    for key, value in {**head, **sizes, "DimensionTime": 1, **said}.items():
        record[key] = value
    tag = (34412, 1, record.nbytes, record.tobytes(), True)
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        how: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
        for k, plane in enumerate(pixels):
            tif.write(plane, extratags=[] if k else [tag], **how)
            tif.write(plane[::4, ::4], subfiletype=1, **how)


def fluoview(path: Path, pixels: NDArray[np.uint16], *along: tuple[str, int, float, str]) -> None:
    """A FluoView stack of axes, each with its name, length, step and unit."""
    record = np.zeros(1, tifffile.TIFF.MM_HEADER)
    for k, (name, size, step, unit) in enumerate(along):
        record["Dimensions"][0][k] = (name.encode(), size, 0, step, unit.encode())
    tags = [
        (34361, 1, record.nbytes, record.tobytes(), True),
        (34362, 12, 8, [0.0] * 8, True),
    ]
    with tifffile.TiffWriter(path, byteorder="<") as tif:
        for plane in pixels:
            tif.write(plane, photometric="minisblack", metadata=None, extratags=tags)


def micro_manager(
    path: Path,
    pixels: NDArray[np.uint16],
    slices: int,
    channels: int,
    xml: str = "",
    *,
    first: int = 0,
    position: int = 0,
    **said: float,
) -> None:
    """A Micro-Manager image stack: an index of its planes at the head; C runs fastest.

    A part of a set begins with plane `first` of a position; more may be `said` of all.
    """
    summary = json.dumps(
        {"MicroManagerVersion": "2.0.0", "Prefix": "run", "Channels": channels, "Slices": slices,
         "Frames": 1, "Positions": 1, "SlicesFirst": True, "TimeFirst": False, **said}
    ).encode()  # fmt: skip
    head = struct.pack("<8I", 54773648, 0, 483765892, 0, 99384722, 0, 2355492, len(summary))
    blob, offsets, _ = _chained(head + summary, pixels, xml)
    struct.pack_into("<I", blob, 12, len(blob))
    blob += struct.pack("<2I", 3453623, len(pixels))
    for k, offset in enumerate(offsets, first):
        blob += struct.pack("<5I", k % channels, k // channels, 0, position, offset)
    path.write_bytes(blob)


def ndtiff(folder: Path, files: Mapping[str, NDArray[np.uint16]], seen_as: str = "") -> None:
    """Micro-Manager's NDTiff of files that follow each other, two channels with names in turn."""
    summary, index, number = b"{}", b"", 0
    for name, pixels in files.items():
        head = struct.pack("<4I", 483729, 2, 2355492, len(summary)) + summary
        blob, _, begins = _chained(head, pixels, "")
        (folder / name).write_bytes(blob)
        for begin in begins:
            axes = {"z": number // 2, "channel": ("DAPI", "GFP")[number % 2]}
            words = [json.dumps(axes).encode(), (seen_as or name).encode()]
            index += b"".join(struct.pack("<I", len(word)) + word for word in words)
            index += struct.pack("<8I", begin, COLUMNS, ROWS, 1, 0, 0, 0, 0)
            number += 1
    (folder / "NDTiff.index").write_bytes(index)


def _chained(
    head: bytes, pixels: NDArray[np.uint16], xml: str
) -> tuple[bytearray, list[int], list[int]]:
    """Pages as Micro-Manager chains them, and where each of them and its pixels begin."""
    blob = bytearray(b"II*\0" + bytes(4) + head + b" " * (len(head) % 2))
    link, offsets, begins = 4, [], []
    for k, plane in enumerate(pixels):
        meta = b"{}\0"
        here, count = len(blob), 13 + (k == 0 and bool(xml))
        at = here + 2 + 12 * count + 4
        tail = at + plane.nbytes
        tags = [
            *bare_tags(plane.nbytes), (259, 3, 1, 1), (262, 3, 1, 1), (282, 5, 1, tail),
            (283, 5, 1, tail), (296, 3, 1, 3), (51123, 2, len(meta), tail + 8),
        ]  # fmt: skip
        tags = [(273, 4, 1, at) if tag[0] == 273 else tag for tag in tags]
        if k == 0 and xml:
            tags.append((270, 2, len(xml) + 1, tail + 8 + len(meta)))
        struct.pack_into("<I", blob, link, here)
        offsets.append(here)
        begins.append(at)
        blob += struct.pack("<H", count) + b"".join(struct.pack("<HHII", *t) for t in sorted(tags))
        link = len(blob)
        blob += bytes(4) + plane.tobytes() + struct.pack("<2I", 15385, 1) + meta
        blob += xml.encode() + b"\0" if k == 0 and xml else b""
        blob += bytes(-len(blob) % 2)
    return blob, offsets, begins


def pages(path: Path, pixels: NDArray[Any], description: str | None = None, **how: Any) -> None:
    """A file with a page a plane; the first has a description."""
    options = {"photometric": "minisblack", "metadata": None, "contiguous": False, **how}
    with tifffile.TiffWriter(path, ome=False) as tif:
        for k, plane in enumerate(pixels):
            text = description.encode() if description and k == 0 else None
            tif.write(plane, description=text, **options)


def pixels_xml(number: int, sizes: Mapping[str, int], data: str, more: str = "") -> str:
    """An image of an OME-XML; `data` places its planes."""
    lengths = " ".join(f'Size{axis}="{sizes.get(axis, 1)}"' for axis in "ZCT")
    return (
        f'<Image ID="Image:{number}" Name="Pos{number}"><Pixels ID="Pixels:{number}" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="{COLUMNS}" SizeY="{ROWS}" {lengths}>'
        f"{more}{data}</Pixels></Image>"
    )


def ome(uuid: str, inside: str) -> str:
    """An OME-XML."""
    own = f' UUID="{uuid}"' if uuid else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><OME {OME}{own}>{inside}</OME>'


def placed(page: int, file: tuple[str, str] | None = None, **first: int) -> str:
    """Where a plane is: in a page of a file of a name and a UUID."""
    at = "".join(f' First{axis}="{value}"' for axis, value in first.items())
    which = f'<UUID FileName="{file[0]}">{file[1]}</UUID>' if file else ""
    return f'<TiffData IFD="{page}" PlaneCount="1"{at}>{which}</TiffData>'


def bruker(folder: Path, channels: int = 1) -> NDArray[np.uint16]:
    """A file a plane, of which the first has the OME-XML; C runs slower than Z in names."""
    folder.mkdir()
    pixels = planes(4 * channels)
    names = [f"T_Ch{k // 4 + 1}_{k % 4 + 1:06d}.ome.tif" for k in range(len(pixels))]
    uuids = [f"urn:uuid:{k}" for k in range(len(pixels))]
    data = "".join(
        placed(0, (name, uuid), Z=k % 4, C=k // 4)
        for k, (name, uuid) in enumerate(zip(names, uuids, strict=True))
    )
    whole = ome(uuids[0], pixels_xml(0, {"Z": 4, "C": channels}, data))
    for k, plane in enumerate(pixels):
        only = f'<BinaryOnly MetadataFile="{names[0]}" UUID="{uuids[0]}"/>'
        pages(folder / names[k], plane[None], ome(uuids[k], only) if k else whole)
    return pixels


def positions(folder: Path, names: tuple[str, str] = ("p0.ome.tif", "p1.ome.tif")) -> None:
    """Two positions, a file each that tells of both; the second is stored from its end."""
    files = list(zip(names, ("urn:uuid:0", "urn:uuid:1"), strict=True))
    images = ""
    for n, count in enumerate((4, 6)):
        pages_of = range(count) if n == 0 else range(count - 1, -1, -1)
        data = "".join(placed(page, files[n], Z=k) for k, page in enumerate(pages_of))
        stage = f'<Plane TheZ="0" TheC="0" TheT="0" PositionX="{1000 + 250 * n}.0"/>'
        images += pixels_xml(n, {"Z": count}, data + stage, f'<Channel ID="Channel:{n}:0"/>')
    pages(folder / names[0], planes(4), ome("urn:uuid:0", images))
    pages(folder / names[1], planes(6, 1300)[::-1], ome("urn:uuid:1", images))


def split_positions(folder: Path, kind: str) -> None:
    """Two positions of four planes each, 300 to 600 and 1300 to 1600 counts, in two files each."""
    folder.mkdir()
    names = [[f"run_MMStack_Pos{p}{part}.ome.tif" for part in ("", "_1")] for p in range(2)]
    images = ""
    for p in range(2):
        data = "".join(placed(z % 2, (names[p][z // 2], f"u:{p}{z // 2}"), Z=z) for z in range(4))
        images += pixels_xml(p, {"Z": 4}, data)
    for p in range(2):
        for k, name in enumerate(names[p]):
            part = planes(4, 300 + 1000 * p)[2 * k : 2 * k + 2]
            if kind == "OME":
                pages(folder / name, part, ome(f"u:{p}{k}", images))
            else:
                micro_manager(folder / name, part, 4, 1, first=2 * k, position=p, Positions=2)
