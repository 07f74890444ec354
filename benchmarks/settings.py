"""What TensorFlow's own settings change in the speed of a network, in one run.

    python benchmarks/settings.py [--model crispim-2d] [--rounds 5]

A plane of 512 x 512 px with its halo goes through the compiled function as `crispim-ij denoise`
has it, and takes turns with

- the same compiled by XLA, for this shape alone;
- the same pixels as a batch of four tiles of 256 x 256 px, each with its own halo;
- a function that is not told its signature, and so is compiled for each shape;
- the same without oneDNN's kernels, in a process of its own.

Prints how many times as fast as the first each is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from crispim_ij.models import find_model

SIDE = 512
OURS = "as crispim-ij denoise has it"
PLAIN_ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "0"}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    ways = find_ways(options.model)
    if options.alone:
        print(min(seconds_of(ways[OURS]) for _ in range(options.rounds)))
        return
    seconds = {name: [seconds_of(run)] for name, run in ways.items()}
    for _ in range(options.rounds - 1):
        for name, run in ways.items():
            seconds[name].append(seconds_of(run))
    best = {name: min(spent) for name, spent in seconds.items()}
    best["without oneDNN"] = without_onednn(options.model, options.rounds)
    for name, spent in best.items():
        print(f"{name:42} {spent:6.3f} s a plane, {best[OURS] / spent:5.2f} times as fast")


def find_ways(name: str) -> dict[str, Callable[[], object]]:
    """Return functions that take a plane through the network."""
    model = find_model(name)
    network, halo = model.network(), model.spec.halo
    rng = np.random.default_rng(0)
    plane = rng.gamma(9, 25, (1, SIDE + 2 * halo, SIDE + 2 * halo, 1)).astype(np.float32)
    tiles = rng.gamma(9, 25, (4, SIDE // 2 + 2 * halo, SIDE // 2 + 2 * halo, 1)).astype(np.float32)

    def call(given: tf.Tensor) -> tf.Tensor:
        return network(given, training=False)

    known = tf.function(call, input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)])
    by_shape = tf.function(call)
    xla = tf.function(call, jit_compile=True)
    return {
        OURS: lambda: known(plane),
        "by XLA": lambda: xla(plane),
        "four tiles at once": lambda: known(tiles),
        "compiled for each shape": lambda: by_shape(plane),
    }


def seconds_of(run: Callable[[], object]) -> float:
    """Return how long a second call takes, as the first may compile."""
    run()
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def without_onednn(model: str, rounds: int) -> float:
    """Return the seconds of our way in a process that has oneDNN's kernels turned off."""
    command = [sys.executable, __file__, "--alone", "--model", model, "--rounds", str(rounds)]
    done = subprocess.run(
        command, env={**os.environ, **PLAIN_ENVIRONMENT}, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
