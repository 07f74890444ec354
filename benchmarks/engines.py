"""Whether ONNX Runtime would open shipped models faster than TensorFlow, and run them as fast.

    python benchmarks/engines.py [--model crispim-2d] [--side 512] [--threads 2] [--rounds 5]

Each engine runs in a process of its own, as a command would start it: TensorFlow as `crispim_ij`
uses it, with padding 'valid', and ONNX Runtime on the exported model, whose padding is 'same', so
that its margins are cut off afterwards. Both are given the same tile with the margins that make it
exact. Prints seconds of processor time until the engine can be used, of the first tile and of a
later one, their peaks of memory, and how far the results are apart, in units of the noise.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def main() -> None:
    """Export the model, and measure both engines."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--side", type=int, default=512, help="of the tile's core, in px")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", choices=("tensorflow", "onnx"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        measure(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        export = ["crispim-ij", "export", options.model, f"{folder}/model.onnx"]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        for engine in ("tensorflow", "onnx"):
            again = [sys.executable, __file__, *sys.argv[1:], "--engine", engine]
            subprocess.run([*again, "--folder", folder], check=True)
        first, second = (np.load(f"{folder}/{name}.npy") for name in ("tensorflow", "onnx"))
    print(f"largest difference {np.abs(first - second).max():.2g}")


def measure(options: argparse.Namespace) -> None:
    """Measure one engine in this process."""
    open_engine = {"tensorflow": tensorflow, "onnx": onnx}[options.engine]
    run, halo = open_engine(options)
    opened = process_time()
    side = options.side + 2 * halo
    tile = np.random.default_rng(0).normal(10, 1, (side, side)).astype(np.float32)
    result = run(tile)
    first = process_time()
    for _ in range(options.rounds):
        run(tile)
    later = (process_time() - first) / options.rounds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(options.folder / f"{options.engine}.npy", result)
    shown = {"opened": opened, "first tile": first - opened, "later tile": later}
    print(options.engine, json.dumps({name: round(value, 2) for name, value in shown.items()}))
    print(options.engine, f"{peak:.0f} MB")


def tensorflow(options: argparse.Namespace) -> tuple[Run, int]:
    """Open the model as the program does."""
    from crispim_ij.denoising import DenoiseSettings
    from crispim_ij.denoising.load import load_denoiser
    from crispim_ij.quiet import start_tensorflow

    start_tensorflow(bare=True)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    denoiser = load_denoiser(options.model, DenoiseSettings(tile=options.side))
    return denoiser._run, denoiser.halo


def onnx(options: argparse.Namespace) -> tuple[Run, int]:
    """Open the exported model."""
    import onnxruntime

    from crispim_ij.models import find_model

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(
        str(options.folder / "model.onnx"), settings, ["CPUExecutionProvider"]
    )
    (given,), halo = session.get_inputs(), find_model(options.model).spec.halo

    def run(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        (result,) = session.run(None, {given.name: tile[np.newaxis, ..., np.newaxis]})
        whole: NDArray[np.float32] = result[0, :, :, 0]
        return whole[halo:-halo, halo:-halo]

    return run, halo


if __name__ == "__main__":
    main()
