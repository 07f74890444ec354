"""How peak memory grows with the length of a stack and with the size of its planes.

    python benchmarks/memory_growth.py planes          # 100 and 10,000 planes of 256 x 256
    python benchmarks/memory_growth.py size --largest 32768

Each run is a process of its own, `crispim-ij` as users call it: the first line of its
result is the peak that Linux gives for it. Planes are OME-Zarr whose chunks are all the
same noise, so that 32,768 x 32,768 px take little time to make.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

CHUNK = 1024
RUN = """
import re, sys
from pathlib import Path
from crispim_ij.cli.main import app
try:
    app(sys.argv[1:])
finally:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1])
"""


def make(path: Path, planes: int, side: int) -> Path:
    """Write an OME-Zarr of noise, one chunk's file linked to all others."""
    scale = {"type": "scale", "scale": [1.0, 1.0, 1.0]}
    axes = [{"name": axis, "type": "space"} for axis in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    multiscales = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    group = zarr.create_group(path, zarr_format=2, attributes={"multiscales": multiscales})
    chunk = min(CHUNK, side)
    array = group.create_array(
        "0",
        shape=(planes, side, side),
        chunks=(1, chunk, chunk),
        dtype="uint16",
        compressors=None,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    array[0, :chunk, :chunk] = np.random.default_rng(0).gamma(4, 60, (chunk, chunk))
    first = path / "0/0/0/0"
    for plane in range(planes):
        for row in range(side // chunk):
            folder = path / "0" / str(plane) / str(row)
            folder.mkdir(parents=True, exist_ok=True)
            for column in range(side // chunk):
                if folder / str(column) != first:
                    (folder / str(column)).symlink_to(first)
    return path


def measured(*arguments: object) -> tuple[float, float]:
    """Run a command; return its peak memory in MB and its time in s."""
    began = time.perf_counter()
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(said.split()[-1]) / 1024, time.perf_counter() - began


def main() -> None:
    """Measure one kind of growth, of one command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("planes", "size"))
    parser.add_argument("--command", choices=("preprocess", "denoise"), default="preprocess")
    parser.add_argument("--largest", type=int, default=32768, help="side of the largest, px")
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--folder", type=Path, help="where to write; much space is needed")
    arguments = parser.parse_args()
    by_planes = arguments.what == "planes"
    cases = [(100, 256), (10_000, 256)] if by_planes else [(1, 2048), (1, arguments.largest)]
    options = {"preprocess": ["--factor", 2, "--seed", 1], "denoise": ["--model", arguments.model]}
    peaks = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        for planes, side in cases:
            source = make(Path(place) / f"{planes}-{side}.zarr", planes, side)
            output = Path(place) / f"out-{planes}-{side}.zarr"
            peak, seconds = measured(arguments.command, source, output, *options[arguments.command])
            peaks.append(peak)
            print(f"{planes} x {side} x {side} px: {peak:.0f} MB, {seconds:.0f} s", flush=True)
    print(f"{arguments.command}, {arguments.what}: {peaks[1] / peaks[0]:.3f} times the memory")


if __name__ == "__main__":
    main()
