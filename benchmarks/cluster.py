"""How much faster two Dask workers are than one, of one thread each, in one run.

    python benchmarks/cluster.py [--planes 40] [--rounds 5] [--model crispim-2d]

One and two workers take turns, so that a change of the machine's speed meets both, and so do
one and two bare processes that run the network on planes in memory: what the machine has to
give while other work is done on it. Prints each round's ratios, their medians, the load, and what
handing out, collecting and writing takes of the processors beside the workers' own work, which
doesn't depend on the load.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile

from crispim_ij.cluster import (
    ClusterClient,
    ClusterSettings,
    denoise_on,
    open_client,
    preprocess_on,
)
from crispim_ij.denoising import DenoiseSettings
from crispim_ij.jobs import Output, plan_denoising, plan_preprocessing
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import open_source
from crispim_ij.preprocessing import PreprocessSettings

SHAPE = (400, 500)
FACTOR = 2.0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--planes", type=int, default=40, help="planes of 400 x 500 px a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="crispim-2d")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch) / "noisy"
        folder.mkdir()
        noisy = np.random.default_rng(0).gamma(9, 25, (options.planes, *SHAPE)).astype(np.uint16)
        for k, plane in enumerate(noisy):
            tifffile.imwrite(folder / f"{k:04}.tif", plane)
        # The same ones many times over, which are cheap to preprocess.
        clients = [
            stack.enter_context(open_client(ClusterSettings(kind="local", workers=n)))
            for n in (1, 2)
        ]
        pools = [
            stack.enter_context(ProcessPoolExecutor(n, mp_context=get_context("spawn")))
            for n in (1, 2)
        ]
        ways: dict[str, tuple[Any, list[Any]]] = {
            "bare processes": (lambda pool: bare(pool, options.model, noisy), pools),
            "denoise on Dask": (lambda client: denoise(client, options.model, folder), clients),
            "preprocess on Dask": (lambda client: preprocess(client, folder), clients),
        }
        for way, each in ways.values():
            for those in each:
                way(those)
        ratios: dict[str, list[float]] = {name: [] for name in ways}
        before = [spent(client) for client in clients]
        for _ in range(options.rounds):
            load = os.getloadavg()[0]
            said = []
            for name, (way, each) in ways.items():
                one, two = (timed(way, those) for those in each)
                ratios[name].append(one / two)
                said.append(f"{name} {one:5.1f} s / {two:5.1f} s = {one / two:.2f}")
            print(f"load {load:4.1f}: " + "; ".join(said), flush=True)
        used = [
            np.subtract(spent(client), old) for client, old in zip(clients, before, strict=True)
        ]
        own, workers = used[0][0], sum(each[1] for each in used)
        print(f"processor time: workers {workers:.1f} s, client and scheduler {own:.1f} s")
    for name, found in ratios.items():
        print(f"two {name}: x {statistics.median(found):.2f} (median of {len(found)})")


def spent(client: ClusterClient) -> tuple[float, float]:
    """Return the processor time of this process, and of the workers, in seconds."""
    return time.process_time(), sum(client.dask.run(time.process_time).values())


def timed(way: Any, those: Any) -> float:
    """Return how many seconds a way takes."""
    begin = time.perf_counter()
    way(those)
    return time.perf_counter() - begin


def denoise(client: ClusterClient, model: str, folder: Path) -> None:
    """Do what `crispim-ij denoise` does once its workers are there."""
    with tempfile.TemporaryDirectory() as out, open_source(folder) as source:
        outputs = [Output(Path(out) / "denoised")]
        job = plan_denoising(source, outputs, model, DenoiseSettings())
        list(denoise_on(client, job))


def preprocess(client: ClusterClient, folder: Path) -> None:
    """Do what `crispim-ij preprocess` does once its workers are there."""
    settings = PreprocessSettings(FACTOR, seed=1)
    with tempfile.TemporaryDirectory() as out, open_source(folder) as source:
        job = plan_preprocessing(source, [Output(Path(out) / "noisy")], settings, NativeImageJ)
        list(preprocess_on(client, job))


def bare(pool: ProcessPoolExecutor, model: str, planes: np.ndarray) -> None:
    """Denoise planes that are in memory, in small parts, so that no process waits in the end."""
    parts = np.array_split(planes, len(planes) // 2)
    list(pool.map(run_network, [model] * len(parts), parts))


def run_network(model: str, planes: np.ndarray) -> None:
    """Denoise some planes with one thread."""
    for plane in planes:
        one_thread(model)(plane)


@cache
def one_thread(model: str) -> Any:
    """Load a network into this process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from told import told_denoiser

    return told_denoiser(model)


if __name__ == "__main__":
    main()
