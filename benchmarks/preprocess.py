"""How fast `crispim-ij preprocess` is without Java, and how fast in ImageJ, in one run.

    python benchmarks/preprocess.py [--planes 160]

16-bit planes of 1600 x 2000 px go from a folder to a folder, four times smaller (Bilinear,
averaged) and with noise of sd 30; reading and writing are included. Prints the rate of

- ImageJ 1.53q, embedded, one worker (Java is running already);
- the native engine, one worker, and two;
- the native engine without numba, one worker.

They take turns over parts of the planes, so that a change of the machine's speed meets them
all. Then it compares the native engine's peak memory at 50 and at 1,000 planes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import tifffile
from memory import peak_memory

from crispim_ij.imagej import open_gateway
from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
from crispim_ij.parity import Engine, NativeImageJ, compiled
from crispim_ij.planes import SinkSettings, open_source
from crispim_ij.preprocessing import PreprocessSettings

SHAPE = (1600, 2000)
PARTS = 4


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planes", type=int, default=160, help="planes of 1600 x 2000 px")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.memory_of:
            print(memory_of(Path(scratch), options.memory_of))
            return
        compare_speed(Path(scratch), options.planes)
    compare_memory()


@dataclass(frozen=True)
class Way:
    """One way to preprocess.

    Attributes
    ----------
    name : str
        For the table.
    native : bool
        Without Java, or in ImageJ.
    workers : int
        Threads that compute.
    numba : bool
        Whether numba may be used.
    """

    name: str
    native: bool
    workers: int
    numba: bool = True


WAYS = (
    Way("ImageJ 1.53q, 1 worker", native=False, workers=1),
    Way("native, 1 worker", native=True, workers=1),
    Way("native, 2 workers", native=True, workers=2),
    Way("native without numba, 1 worker", native=True, workers=1, numba=False),
)


def compare_speed(scratch: Path, planes: int) -> None:
    """Print each way's rate and its ratio to ImageJ's."""
    rng = np.random.default_rng(0)
    parts = [scratch / f"in{number}" for number in range(PARTS)]
    for part in parts:
        write_folder(part, [rng.integers(50, 2000, SHAPE, np.uint16)] * (planes // PARTS))
    seconds = {way.name: 0.0 for way in WAYS}
    with ExitStack() as stack:
        # A process each, as for users: a Java virtual machine slows threads beside it.
        spawn = multiprocessing.get_context("spawn")
        processes = {
            way: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for way in WAYS
        }
        for way, process in processes.items():
            process.submit(timed, parts[0], scratch / "warm", way).result()
        for part in parts:
            for way, process in processes.items():
                seconds[way.name] += process.submit(timed, part, scratch / "out", way).result()
    count = PARTS * (planes // PARTS)
    slowest = seconds[WAYS[0].name]
    print(f"{count} 16-bit planes of {SHAPE[0]} x {SHAPE[1]} px, factor 4, sd 30")
    for name, spent in seconds.items():
        print(f"{name:32} {count / spent:7.1f} planes/s   x {slowest / spent:.2f}")
    ratio = seconds[WAYS[1].name] / seconds[WAYS[2].name]
    print(f"native: 2 workers are {ratio:.2f} times as fast as one")


def timed(source: Path, output: Path, way: Way) -> float:
    """Do what `crispim-ij preprocess --overwrite` does once ImageJ runs; return the seconds."""
    engine = NativeImageJ() if way.native else open_gateway()
    kernels = compiled.kernels if way.numba else lambda: None
    begin = time.perf_counter()
    with mock.patch.object(compiled, "kernels", kernels):
        run(source, output, engine, way.workers)
    return time.perf_counter() - begin


def run(source: Path, output: Path, engine: Engine, workers: int) -> None:
    """Preprocess a folder into a folder."""
    settings = PreprocessSettings(seed=0)
    with open_source(source) as planes:
        outputs = [Output(output, SinkSettings(overwrite=True))]
        job = plan_preprocessing(planes, outputs, settings, lambda: engine)
        list(preprocess_locally(job, workers))


def compare_memory() -> None:
    """Print the peak memory of a whole process at 50 and at 1,000 planes."""
    for planes in (50, 1000):
        command = [sys.executable, __file__, "--memory-of", str(planes)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"native, peak memory at {planes:5} planes: {float(said):7.1f} MB")


def memory_of(scratch: Path, planes: int) -> float:
    """Preprocess a folder of links to one plane and return this process' peak memory in MB."""
    write_folder(scratch / "in", [np.full(SHAPE, 200, np.uint16)])
    plane = scratch / "in" / "0000.tif"
    for index in range(1, planes):
        (scratch / "in" / f"{index:04}.tif").hardlink_to(plane)
    run(scratch / "in", scratch / "out", NativeImageJ(), 2)
    return peak_memory()


def write_folder(folder: Path, planes: list[np.ndarray]) -> None:
    """Write one TIFF file a plane."""
    folder.mkdir()
    for index, plane in enumerate(planes):
        tifffile.imwrite(folder / f"{index:04}.tif", plane)


if __name__ == "__main__":
    main()
