"""How near `crispim-ij denoise` comes to what the processor can do, and how its cost grows.

    python benchmarks/scaling.py [--model crispim-2d] [--largest 16384] [--most 10000]

Measures the processor's arithmetic peak, a product of large matrices, in float32 and bfloat16;
then the network's multiplications and additions a second while planes of 1024 x 1024 px are
denoised, and the share of that peak. Then the time a megapixel of planes from 256 x 256 px up, and
the time a plane of stacks from 10 small planes up, files read and written included.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tifffile
from told import told_denoiser

from crispim_ij.denoising import Denoiser, DenoiseSettings, denoise_planes
from crispim_ij.models import find_model
from crispim_ij.planes import create_sink, open_source

MATRIX = 4096
SIDE = 1024
SMALL = 64
REPEATS = 3


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--largest", type=int, default=16384, help="side in px")
    parser.add_argument("--most", type=int, default=10_000, help="planes")
    options = parser.parse_args()
    work = operations_per_pixel(find_model(options.model).network())
    print(f"{options.model}: {work / 1e3:.1f} thousand operations a pixel")
    for precision in ("float32", "bfloat16"):
        peak = matrix_product(precision)
        denoiser = told_denoiser(options.model, DenoiseSettings(precision))
        rate = work * SIDE**2 / in_memory(denoiser, SIDE)
        print(
            f"{precision:9} peak {peak / 1e9:6.0f} GFLOP/s, network {rate / 1e9:6.0f} GFLOP/s, "
            f"{rate / peak:.0%} of it"
        )
    denoiser = told_denoiser(options.model)
    with tempfile.TemporaryDirectory() as scratch:
        for side in doubling(256, options.largest, 2):
            spent = through_files(Path(scratch) / f"side{side}", denoiser, 1, side)
            print(
                f"1 plane of {side:5} x {side:5} px: {spent / (side**2 / 1e6):6.3f} s a megapixel"
            )
        for planes in doubling(10, options.most, 10):
            spent = through_files(Path(scratch) / f"planes{planes}", denoiser, planes, SMALL)
            print(
                f"{planes:5} planes of {SMALL} x {SMALL} px: {1e3 * spent / planes:6.2f} ms a plane"
            )


def doubling(first: int, last: int, factor: int) -> list[int]:
    """Return the powers from one number to another."""
    return [first * factor**k for k in range(64) if first * factor**k <= last]


def operations_per_pixel(network: keras.Model) -> float:
    """Count the multiplications and additions of the convolutions, for each pixel given out."""
    plane = tf.zeros((1, 64, 64, 1))
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    made = keras.Model(network.inputs, [layer.output for layer in layers])(plane)
    total = sum(
        2 * int(np.prod(layer.kernel.shape)) * int(np.prod(values.shape[1:3]))
        for layer, values in zip(layers, made, strict=True)
    )
    return total / 64**2


def matrix_product(precision: str) -> float:
    """Return the operations a second of a large matrix product."""
    a = tf.cast(tf.random.normal((MATRIX, MATRIX)), precision)
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    multiply().numpy()
    begin = time.perf_counter()
    for _ in range(REPEATS):
        multiply().numpy()
    return REPEATS * 2 * MATRIX**3 / (time.perf_counter() - begin)


def in_memory(denoiser: Denoiser, side: int) -> float:
    """Return the seconds that a plane takes in memory."""
    plane = np.random.default_rng(0).gamma(9, 25, (side, side)).astype(np.uint16)
    denoiser(plane)
    begin = time.perf_counter()
    for _ in range(REPEATS):
        denoiser(plane)
    return (time.perf_counter() - begin) / REPEATS


def through_files(folder: Path, denoiser: Denoiser, planes: int, side: int) -> float:
    """Return the seconds that planes take from a folder to another."""
    (folder / "noisy").mkdir(parents=True)
    plane = np.random.default_rng(0).gamma(9, 25, (side, side)).astype(np.uint16)
    for index in range(planes):
        tifffile.imwrite(folder / "noisy" / f"{index:05}.tif", plane)
    begin = time.perf_counter()
    with (
        open_source(folder / "noisy") as source,
        create_sink(folder / "denoised", source) as sink,
    ):
        list(denoise_planes(source, sink, denoiser))
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
