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
    path: Path, pixels: NDArray[np.uint16], waves: Sequence[int], distances: Sequence[int]
) -> None:
    """A MetaMorph stack: a page, and the pixels of all planes one after another."""
    count = len(pixels)
    data = pixels.tobytes()
    tags = [*bare_tags(len(data) // count), (259, 3, 1, 1), (262, 3, 1, 1)]
    begin = 8 + len(data) + 2 + 12 * (len(tags) + 4) + 4
    times = [(d, 1, 2459000, 1000 * k, 2459000, 1000 * k) for k, d in enumerate(distances)]
    blobs = [
        struct.pack("<2I", 1, 0),
        b"".join(struct.pack("<6I", *one) for one in times),
        b"".join(struct.pack("<2I", wave, 1) for wave in waves),
        struct.pack("<H", 0) + bytes(16),
    ]
    extra = b""
    for number, blob in enumerate(blobs):
        kind, length = ((4, 1), (5, count), (5, count), (4, count))[number]
        tags.append((33628 + number, kind, length, begin + len(extra)))
        extra += blob
    path.write_bytes(tiff(sorted(tags), data, extra))


def micro_manager(
    path: Path,
    pixels: NDArray[np.uint16],
    slices: int,
    channels: int,
    xml: str = "",
    *,
    first: int = 0,
) -> None:
    """A Micro-Manager image stack: an index of its planes at the head; C runs fastest.

    A part of a set begins with plane `first`.
    """
    summary = json.dumps(
        {"MicroManagerVersion": "2.0.0", "Prefix": "run", "Channels": channels, "Slices": slices,
         "Frames": 1, "Positions": 1, "SlicesFirst": True, "TimeFirst": False}
    ).encode()  # fmt: skip
    head = struct.pack("<8I", 54773648, 0, 483765892, 0, 99384722, 0, 2355492, len(summary))
    blob, offsets, _ = _chained(head + summary, pixels, xml)
    struct.pack_into("<I", blob, 12, len(blob))
    blob += struct.pack("<2I", 3453623, len(pixels))
    for k, offset in enumerate(offsets, first):
        blob += struct.pack("<5I", k % channels, k // channels, 0, 0, offset)
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
