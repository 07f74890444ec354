"""Whether training waits for its data, and what a fixed order of sums costs, in one run.

    python benchmarks/training.py [--seconds 20] [--part feed|wait|order] [--recipe NAME]

The planes are TIFF files that the system has in memory, so the disk itself is not measured, but
opening, decoding, cutting and drawing noise are. Prints

- feed: how many batches a second the input pipeline draws by itself: by one thread, by all, and
  with the planes kept in memory. Its inverse is the shortest step, as on a GPU, that it feeds.
- wait: the step rate of the real pipeline divided by the rate of one batch that is held in memory,
  and the share of its time that the loop waited. They take turns.
- order: the time of a step with `enable_op_determinism` divided by that without. Two processes
  take turns.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile

from crispim_ij.planes import open_source
from crispim_ij.training import Recipe, RunSettings, TrainingStack, load_recipe, open_stack
from crispim_ij.training.network import fix_order, fresh_network
from crispim_ij.training.patches import Feed, training_batch
from crispim_ij.training.stacks import cache_planes

ENDLESS = 10**9
PLANES = 40
TURNS = 3


@dataclass(frozen=True)
class Case:
    """What is trained on what: the 3D network on smaller patches, for it takes long."""

    recipe: str
    patch: int
    shape: tuple[int, int]
    compression: str | None

    def settings(self) -> Recipe:
        """Return the recipe, without validation."""
        recipe = load_recipe(self.recipe)
        return replace(recipe, patch=self.patch, steps=ENDLESS, validate_every=ENDLESS)

    def __str__(self) -> str:
        batch = load_recipe(self.recipe).batch
        packed = self.compression or "as they are"
        planes = f"{self.shape[0]} x {self.shape[1]} px, {packed}"
        return f"{self.recipe:10} {batch:2} patches of {self.patch:3} px; planes of {planes:26}"


CASES = [
    Case(recipe, patch, shape, compression)
    for recipe, patch in (("paper-2d", 256), ("crispim-2d", 128), ("paper-3d", 64))
    for shape, compression in (((400, 500), None), ((1600, 2000), "zlib"))
]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20, help="for each measurement")
    parts = {"feed": measure_feed, "wait": measure_waiting, "order": measure_order}
    parser.add_argument("--part", choices=parts, action="append", help="[default: all]")
    parser.add_argument("--recipe", action="append", help="[default: all of the cases]")
    options = parser.parse_args()
    cases = [case for case in CASES if case.recipe in (options.recipe or [case.recipe])]
    for part in options.part or parts:
        print(f"\n{part}")
        for case in cases:
            parts[part](case, options.seconds)


@contextmanager
def opened(case: Case) -> Iterator[list[TrainingStack]]:
    """Write a case's planes and open them."""
    rng = np.random.default_rng(0)
    plane = rng.gamma(9, 25, case.shape).astype(np.uint16)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as sources:
        for index in range(PLANES):
            shifted = np.roll(plane, 7 * index)
            tifffile.imwrite(
                Path(scratch) / f"{index:03}.tif", shifted, compression=case.compression
            )
        source = sources.enter_context(open_source(scratch))
        yield [open_stack(source, None, case.settings())]


def measure_feed(case: Case, seconds: float) -> None:
    """Print how many batches a second the pipeline draws when nobody holds it up."""
    everyone = RunSettings().workers
    with opened(case) as stacks:
        kept = cache_planes(stacks, 10)
        for index in range(PLANES):
            kept[0].clean.read(index)
        ways = {
            "1 thread": Feed(stacks, case.settings(), range(ENDLESS), workers=1),
            f"{everyone} threads": Feed(stacks, case.settings(), range(ENDLESS), workers=everyone),
            "planes kept": Feed(kept, case.settings(), range(ENDLESS), workers=everyone),
        }
        spent = dict.fromkeys(ways, 0.0)
        for _ in range(TURNS):
            for name, feed in ways.items():
                skip(feed, 2 * everyone)
                spent[name] += pace(feed.__next__, seconds / TURNS / len(ways))
    rates = {name: TURNS / each for name, each in spent.items()}
    said = "   ".join(f"{name} {rate:6.1f}/s" for name, rate in rates.items())
    print(f"{case} {said}", flush=True)


def measure_waiting(case: Case, seconds: float) -> None:
    """Print what is left of the step rate when batches come from the pipeline."""
    fix_order()
    recipe = case.settings()
    network = fresh_network(recipe, None)
    workers = RunSettings().workers
    with opened(case) as stacks:
        held = training_batch(stacks, recipe, 0)
        network.train_on_batch(*held)
        kept = cache_planes(stacks, 10)
        for index in range(PLANES):
            kept[0].clean.read(index)
        feeds = {
            "nothing kept": Feed(stacks, recipe, range(ENDLESS), workers=workers),
            "planes kept": Feed(kept, recipe, range(ENDLESS), workers=workers),
        }
        bare, spent, waited = 0.0, dict.fromkeys(feeds, 0.0), dict.fromkeys(feeds, 0.0)
        for _ in range(TURNS):
            bare += pace(lambda: network.train_on_batch(*held), seconds / TURNS / 3)
            for name, feed in feeds.items():
                # What was drawn ahead in the others' turns would flatter the pipeline.
                skip(feed, 2 * workers)
                feed.lap()
                step = partial(lambda feed: network.train_on_batch(*next(feed)[0]), feed)
                spent[name] += pace(step, seconds / TURNS / 3)
                lap, wait = feed.lap()
                waited[name] += wait / lap / TURNS
                time.sleep(0.2)  # its threads have filled up when the next one's turn comes
    said = "   ".join(
        f"{name}: rate x {bare / spent[name]:.3f}, waited {waited[name]:.1%}" for name in feeds
    )
    print(f"{case} step {bare / TURNS:6.2f} s   {said}", flush=True)


def measure_order(case: Case, seconds: float) -> None:
    """Print how much longer a step takes in a fixed order."""
    if case.compression is not None:
        return  # the planes make no difference
    context = get_context("spawn")
    pipes, children = {}, []
    for fixed in (True, False):
        pipes[fixed], theirs = context.Pipe()
        children.append(context.Process(target=steps_on_call, args=(theirs, case, fixed)))
        children[-1].start()
        pipes[fixed].recv()
    spent = dict.fromkeys(pipes, 0.0)
    for _ in range(TURNS):
        for fixed, pipe in pipes.items():
            pipe.send(seconds / TURNS / 2)
            spent[fixed] += pipe.recv()
    for pipe, child in zip(pipes.values(), children, strict=True):
        pipe.send(None)
        child.join()
    print(f"{case} step {spent[True] / TURNS:6.2f} s   time x {spent[True] / spent[False]:.3f}")


def steps_on_call(pipe: Connection, case: Case, fixed: bool) -> None:
    """Train as long as is said, and tell how long a step took."""
    if fixed:
        fix_order()
    recipe = case.settings()
    network = fresh_network(recipe, None)
    with opened(case) as stacks:
        held = training_batch(stacks, recipe, 0)
    network.train_on_batch(*held)
    pipe.send("ready")
    while seconds := pipe.recv():
        pipe.send(pace(lambda: network.train_on_batch(*held), seconds))


def pace(step: Callable[[], object], seconds: float) -> float:
    """Repeat a step for some time; return the seconds of one."""
    begin = time.perf_counter()
    for done in count(1):
        step()
        spent = time.perf_counter() - begin
        if spent > seconds:
            return spent / done
    raise AssertionError


def skip(feed: Feed, batches: int) -> None:
    """Take batches without using them."""
    for _ in range(batches):
        next(feed)


if __name__ == "__main__":
    main()
