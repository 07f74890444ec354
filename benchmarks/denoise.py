"""How much of the network's own speed `crispim-ij denoise` keeps, on this machine, in one run.

    python benchmarks/denoise.py [--planes 200] [--model crispim-2d]

Prints how long these take, each divided by the bare compiled function's time:

- the bare compiled function, called on planes that are in memory already, one by one, with
  neither halo nor tiles;
- the whole way of `crispim-ij denoise`: a folder of TIFF planes in, exact tiles, a folder out;
- Keras' `model.predict`, plane by plane, as notebooks do.

The three take turns over parts of the planes, so that a change of the machine's speed meets
them all. Then it compares peak memory at 200 and at 2,000 small planes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tifffile
from memory import peak_memory
from told import told_denoiser, told_model

from crispim_ij.denoising import TileDenoiser, denoise_planes
from crispim_ij.planes import create_sink, open_source

SHAPE = (400, 504)
"""Multiples of 8, as the bare function has to be given."""
PARTS = 4


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planes", type=int, default=200, help="planes of 400 x 500 px")
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.memory_of:
            print(memory_of(Path(scratch), options.memory_of, options.model))
            return
        compare_speed(Path(scratch), options.planes, options.model)
    compare_memory(options.model)


def compare_speed(scratch: Path, planes: int, model: str) -> None:
    """Print the time of each way and its ratio to the bare function's."""
    noisy = np.random.default_rng(0).gamma(9, 25, (planes, *SHAPE)).astype(np.uint16)
    parts = np.array_split(noisy, PARTS)
    for number, planes_of_part in enumerate(parts):
        write_folder(scratch / f"noisy{number}", planes_of_part)
    network = told_model(model).network()
    compiled = tf.function(
        lambda plane: network(plane, training=False),
        input_signature=[tf.TensorSpec((1, None, None, 1), tf.float32)],
    )
    denoiser = told_denoiser(model)
    batches = [part[..., None].astype(np.float32) for part in parts]

    ways: dict[str, Callable[[int], object]] = {
        "bare compiled function": lambda k: [compiled(x[None]).numpy() for x in batches[k]],
        "crispim-ij denoise, folder to folder": lambda k: denoise_folder(
            scratch / f"noisy{k}", scratch / f"denoised{k}", denoiser
        ),
        "model.predict, plane by plane": lambda k: [
            network.predict(x[None], verbose=0) for x in batches[k]
        ],
    }
    compiled(batches[0][:1]), denoiser(noisy[0]), network.predict(batches[0][:1], verbose=0)
    seconds = dict.fromkeys(ways, 0.0)
    for part in range(PARTS):
        for name, way in ways.items():
            begin = time.perf_counter()
            way(part)
            seconds[name] += time.perf_counter() - begin
    bare = next(iter(seconds.values()))
    print(f"{planes} planes of {SHAPE[0]} x {SHAPE[1]} px, model {model}")
    for name, spent in seconds.items():
        print(f"{name:38} {spent:7.1f} s {planes / spent:6.2f} planes/s   x {spent / bare:.3f}")


def compare_memory(model: str) -> None:
    """Print the peak memory of a whole process at 200 and at 2,000 planes."""
    for planes in (200, 2000):
        command = [sys.executable, __file__, "--memory-of", str(planes), "--model", model]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"peak memory at {planes:5} planes of 64 x 64 px: {float(said):7.1f} MB")


def memory_of(scratch: Path, planes: int, model: str) -> float:
    """Denoise small planes and return this process' peak memory in MB."""
    plane = np.full((64, 64), 200, np.uint16)
    write_folder(scratch / "noisy", np.broadcast_to(plane, (planes, 64, 64)))
    denoise_folder(scratch / "noisy", scratch / "denoised", told_denoiser(model))
    return peak_memory()


def write_folder(folder: Path, planes: np.ndarray) -> None:
    """Write one TIFF file a plane."""
    folder.mkdir()
    for index, plane in enumerate(planes):
        tifffile.imwrite(folder / f"{index:04}.tif", plane)


def denoise_folder(noisy: Path, denoised: Path, denoiser: TileDenoiser) -> None:
    """Do what `crispim-ij denoise` does once TensorFlow is there."""
    with open_source(noisy) as source, create_sink(denoised, source) as sink:
        list(denoise_planes(source, sink, denoiser))


if __name__ == "__main__":
    main()
