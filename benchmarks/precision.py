"""What bfloat16 gains and costs, on real planes, in one run.

    python benchmarks/precision.py DATA [--model crispim-2d] [--planes 10]

DATA is a folder of TIFF stacks, of which planes are chosen and made noisy as benchmarks/quality.py
does. Both precisions take turns plane by plane, so that a change of the machine's speed meets both.
Prints, for each stack, the PSNR of both (data range 65535), their difference, and how many times as
fast bfloat16 is. A processor without bfloat16 of its own (avx512_bf16, AMX) is slower with it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from quality import Plane, View, evenly, noisy_pairs
from told import NOISE, told_denoiser

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.evaluation import metrics
from crispim_ij.networks.architectures import Precision
from crispim_ij.planes import open_source, to_dtype

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
SIDE = 512


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--planes", type=int, default=10)
    options = parser.parse_args()
    denoisers = [told_denoiser(options.model, DenoiseSettings(one)) for one in PRECISIONS]
    for path in sorted(options.data.glob("*.tif")):
        with open_source(path) as source:
            view, sd = View(source, SIDE), round(NOISE.read_noise)
            places = evenly(len(source), options.planes)
            pairs = list(noisy_pairs(view, places, sd, denoisers[0].depth))
        seconds, psnrs = np.zeros(2), np.zeros(2)
        for denoise in denoisers:
            timed(denoise, pairs[0].noisy)
        for pair in pairs:
            for k, denoise in enumerate(denoisers):
                spent, result = timed(denoise, pair.noisy)
                seconds[k] += spent
                psnrs[k] += metrics.psnr(pair.clean, to_dtype(result, np.dtype(np.uint16)))
        exact, coarse = psnrs / len(pairs)
        print(
            f"{path.stem:24} float32 {exact:.3f} dB, bfloat16 {coarse:.3f} dB "
            f"({coarse - exact:+.3f}), {seconds[0] / seconds[1]:.2f} times as fast"
        )


def timed(denoise: Callable[[Plane], Plane], noisy: Plane) -> tuple[float, Plane]:
    """Return how long a plane takes, and its result."""
    begin = time.perf_counter()
    result = denoise(noisy if len(noisy) > 1 else noisy[0])
    return time.perf_counter() - begin, result


if __name__ == "__main__":
    main()
