"""What adapting a model to the stack itself gains, and how true estimated errors are.

    python benchmarks/adaptation.py DATA [--minutes 10] [--model crispim-2d --model crispim-3d]
        [--table white] [--table grain] [--table others] [--table risk]
        [--table real --real FOLDER]
        [--stack merck --stack brainreg] [--kind "blurred 3 x 3"] [--csv FILE]

DATA is a folder of TIFF stacks, brought to the paper's 100 to 500 counts as in quality.py. Each
table is printed row by row; all are unless some are named. With --csv each row is appended to a
file, and rows that it holds already are skipped: so a long table is made over several sittings, a
stack or a model at a time.

white   Noise of sd 35 on whole stacks. Models as they ship and adapted to the noisy stack, as users
        run them; mean PSNR in dB of up to 3 planes against the clean ones.
grain   Noise of sd 70 that pixels share: averaged over 2 x 2 px (a moving mean, and binned),
        resized to 0.7 and 1.5 by ImageJ's bilinear interpolation, blurred by 3 x 3 px, and with
        rows that share half of the variance. Beside the classic that is best at its best strength.
others  What a model that was adapted to one of these makes of the others, and of white noise of sd
        35, beside what it makes of them as it ships; mean PSNR in dB.
risk    Estimated against true root mean square errors, in counts: of white noise that is told, and
        of noise that pixels share, which is measured.
real    Exposures of one place each, see real_noise.py: the model is adapted to the exposure that is
        measured (of a recording to all frames), and its error in counts is against the others.

A table takes the time of its adaptations: with the six stacks of the paper's kind, 10 minutes and
two models, two hours. Ten rows of estimated errors take two minutes:

    python benchmarks/adaptation.py DATA --table risk --side 256 --stack merck --stack neubias
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile
from quality import WHOLE, Pair, Plane, View, evenly, middle, oracle
from real_noise import SETS, error, read_samples
from scipy.ndimage import uniform_filter

from crispim_ij import api
from crispim_ij.evaluation import CLASSICS, Ranked, metrics
from crispim_ij.evaluation.ranking import LONGEST
from crispim_ij.models import find_model
from crispim_ij.parity import Interpolation, resize
from crispim_ij.planes import open_source

SD = 35
GRAINY_SD = 70
PLANES = 3
COLUMNS = (
    *("table", "stack", "kind", "method", "minutes", "noisy", "true", "before", "after"),
    *("estimated", "estimated_after", "unit", "steps", "seconds"),
)
"""Of the file of rows. PSNR in dB; errors in counts in the tables risk and real."""

Noisy = tuple[Plane, Plane]
"""Noisy planes, and the same without noise."""


def main() -> None:
    """Run the benchmark."""
    tables = {"white": white, "grain": grain, "others": others, "risk": risk, "real": real}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each adaptation")
    parser.add_argument("--model", action="append", help="that is adapted")
    parser.add_argument("--table", action="append", choices=list(tables))
    parser.add_argument("--real", type=Path, help="folder of exposures")
    parser.add_argument("--side", type=int, default=WHOLE, help="of the stacks' middle, in px")
    parser.add_argument("--stack", action="append", help="beginning of a stack's name")
    parser.add_argument("--kind", action="append", choices=list(GRAINS), help="of shared noise")
    parser.add_argument("--csv", type=Path, help="file that each row is appended to")
    options = parser.parse_args()
    options.model = options.model or ["crispim-2d", "crispim-3d"]
    for name in options.table or tables:
        if name == "real" and options.real is None:
            print("real: left out, as there is no folder (--real)")
            continue
        print(f"\n{name}", flush=True)
        tables[name](options)


def white(options: argparse.Namespace) -> None:
    """Print what adapting gains at noise of independent pixels."""
    gains: dict[str, list[float]] = {name: [] for name in options.model}
    for stack, clean in stacks(options):
        noisy, clean = with_white_noise(clean)
        for name in options.model:
            row = Row("white", stack, "white", name, options.minutes)
            if (is_deep(name) and len(clean) == 1) or row.is_in(options.csv):
                continue
            figures = before_and_after(noisy, clean, name, options.minutes)
            gains[name].append(float(figures["after"]) - float(figures["before"]))
            row.tell(options.csv, **figures)
    for name, values in gains.items():
        if values:
            print(f"{name}: mean {np.mean(values):+.3f}, least {np.min(values):+.3f}")


def grain(options: argparse.Namespace) -> None:
    """Print what adapting gains at noise that pixels share."""
    for stack, whole in stacks(options):
        for kind, noisy, clean in shared(whole, options):
            classic = Row("grain", stack, kind, "best classic", 0)
            if not classic.is_in(options.csv):
                classic.tell(options.csv, **best_classic(noisy, clean))
            for name in options.model:
                row = Row("grain", stack, kind, name, options.minutes)
                if not row.is_in(options.csv):
                    row.tell(options.csv, **before_and_after(noisy, clean, name, options.minutes))


def others(options: argparse.Namespace) -> None:
    """Print what a model that was adapted to one noise makes of others."""
    for stack, whole in stacks(options):
        grainy = list(shared(whole, options))
        kinds = [("white", *with_white_noise(whole)), *grainy]
        for name in options.model:
            for learnt, own, _ in grainy:
                rows = [
                    Row("others", stack, f"{learnt}, then {kind}", name, options.minutes)
                    for kind, *_ in kinds
                ]
                if all(row.is_in(options.csv) for row in rows):
                    continue
                with adapted(own, name, options.minutes) as (model, _):
                    for row, (_, noisy, clean) in zip(rows, kinds, strict=True):
                        places = evenly(len(clean), PLANES)
                        before, after = (
                            psnr(clean, api.denoise(noisy, one), places) for one in (name, model)
                        )
                        row.tell(options.csv, before=before, after=after)


def risk(options: argparse.Namespace) -> None:
    """Print estimated errors beside true ones."""
    methods = ["tv-tuned", *(name for name in options.model if not is_deep(name))]
    for stack, whole in stacks(options):
        for kind, noisy, clean in [
            ("white", *with_white_noise(whole)),
            *shared(whole, options),
        ]:
            rows = {name: Row("risk", stack, kind, name, 0) for name in methods}
            if all(row.is_in(options.csv) for row in rows.values()):
                continue
            # Neighbours, which tell noise from structure.
            few, truth = (middle(inner(planes), LONGEST) for planes in (noisy, clean))
            noise = SD if kind == "white" else "auto"
            for one in api.evaluate(few, methods, no_clean=True, noise=noise):
                result = denoised(few, one, noise)
                true = float(np.sqrt(np.mean((result - truth) ** 2)))
                rows[one.method].tell(
                    options.csv, true=true, estimated=one.error, noisy=one.noise, unit="counts"
                )


def real(options: argparse.Namespace) -> None:
    """Print what adapting gains on the noise that microscopes made."""
    for path in sorted(options.real.glob("*.tif")):
        if options.stack and not path.stem.startswith(tuple(options.stack)):
            continue
        exposures = next(one for name, one in SETS.items() if path.stem.startswith(name))
        samples = list(read_samples(path, exposures, PLANES, options.side))
        own = samples[0].stack
        samples = [one for one in samples if one.stack is own or "T" in exposures.axes]
        learnt = middle(tifffile.imread(path), options.side) if "T" in exposures.axes else own
        for name in options.model:
            row = Row("real", path.stem, "real", name, options.minutes)
            if (is_deep(name) and not exposures.is_volume) or row.is_in(options.csv):
                continue
            with adapted(learnt, name, options.minutes) as (model, said):
                before, after = (
                    error(samples, [api.denoise(one.stack, m)[one.index] for one in samples]).error
                    for m in (name, model)
                )
            row.tell(options.csv, before=before, after=after, **said)


@dataclass(frozen=True)
class Row:
    """What a row is about."""

    table: str
    stack: str
    kind: str
    method: str
    minutes: float

    def is_in(self, file: Path | None) -> bool:
        """Whether an earlier sitting has made it."""
        if file is None or not file.exists():
            return False
        wanted = {name: str(value) for name, value in asdict(self).items()}
        with file.open(newline="") as lines:
            return any(wanted.items() <= row.items() for row in csv.DictReader(lines))

    def tell(self, file: Path | None, **figures: float | str) -> None:
        """Print it, and append it to a file."""
        shown = (f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())
        print(self.stack, self.kind, self.method, ", ".join(shown), sep="  ", flush=True)
        if file is None:
            return
        is_new = not file.exists()
        with file.open("a", newline="") as lines:
            writer = csv.DictWriter(lines, COLUMNS)
            if is_new:
                writer.writeheader()
            writer.writerow(asdict(self) | figures)


def shared(whole: Plane, options: argparse.Namespace) -> Iterator[tuple[str, Plane, Plane]]:
    """Yield the kinds of shared noise that are asked for, noisy planes and clean ones."""
    for kind, make in GRAINS.items():
        if not options.kind or kind in options.kind:
            yield kind, *make(whole)


def inner(planes: Plane) -> Plane:
    """Return a few planes that lie side by side in the middle of a stack."""
    start = max(0, (len(planes) - PLANES) // 2)
    return planes[start : start + PLANES]


def best_classic(noisy: Plane, clean: Plane) -> dict[str, float | str]:
    """Return the PSNR of the classic that is best at its best strength."""
    places = evenly(len(clean), PLANES)
    pairs = [Pair(clean[k], noisy[k][np.newaxis]) for k in places]
    found = {one: oracle(CLASSICS[one], pairs).psnr for one in CLASSICS}
    best = max(found, key=found.__getitem__)
    return {"noisy": psnr(clean, noisy, places), "before": found[best], "unit": best}


def stacks(options: argparse.Namespace) -> Iterator[tuple[str, Plane]]:
    """Yield the names of the stacks and their clean planes, in counts."""
    for path in sorted(options.data.glob("*.tif")):
        if options.stack and not path.stem.startswith(tuple(options.stack)):
            continue
        with open_source(path) as source:
            view = View(source, options.side)
            yield view.name, view.read_all()


def with_white_noise(clean: Plane, sd: float = SD) -> Noisy:
    """Add noise of independent pixels."""
    return counts(clean + normal(clean.shape, sd)), clean


def binned(clean: Plane) -> Noisy:
    """Add noise and average cells of 2 x 2 px."""
    rows, columns = (side // 2 * 2 for side in clean.shape[1:])

    def halve(planes: Plane) -> Plane:
        cells = planes[:, :rows, :columns].reshape(len(planes), rows // 2, 2, columns // 2, 2)
        return np.asarray(cells.mean((2, 4)))

    return counts(halve(clean + normal(clean.shape))), halve(clean)


def averaged(clean: Plane) -> Noisy:
    """Add noise and take the mean of each pixel and three of its neighbours."""

    def mean(planes: Plane) -> Plane:
        pairs = planes[:, 1:] + planes[:, :-1]
        return np.asarray((pairs[..., 1:] + pairs[..., :-1]) / 4)

    return counts(mean(clean + normal(clean.shape))), mean(clean)


def resized(clean: Plane, factor: float = 0.7) -> Noisy:
    """Add noise and resize as ImageJ does."""

    def of_size(planes: Plane) -> Plane:
        height, width = (round(factor * side) for side in planes.shape[1:])
        given = planes.astype(np.float32)
        return np.stack(
            [resize(p, width, height, Interpolation.BILINEAR, average=False) for p in given]
        )

    return counts(of_size(clean + normal(clean.shape))), of_size(clean)


def blurred(clean: Plane) -> Noisy:
    """Add noise and take the mean over 3 x 3 px."""
    size = (0, 3, 3)
    noisy = np.asarray(clean + normal(clean.shape), np.float64)
    return counts(uniform_filter(noisy, size)), uniform_filter(clean.astype(np.float64), size)


def in_rows(clean: Plane) -> Noisy:
    """Add noise of which rows share half of the variance."""
    rows = normal((*clean.shape[:2], 1), GRAINY_SD / 2**0.5, seed=1)
    return counts(clean + normal(clean.shape, GRAINY_SD / 2**0.5) + rows), clean


GRAINS: dict[str, Callable[[Plane], Noisy]] = {
    "mean of 2 x 2": averaged,
    "binned 2 x 2": binned,
    "resized to 0.7": resized,
    "resized to 1.5": partial(resized, factor=1.5),
    "blurred 3 x 3": blurred,
    "rows share half": in_rows,
}


def normal(shape: tuple[int, ...], sd: float = GRAINY_SD, seed: int = 0) -> Plane:
    """Draw noise."""
    return np.asarray(np.random.default_rng(seed).normal(0, sd, shape))


def counts(planes: Plane) -> Plane:
    """Round to what a camera writes."""
    return np.clip(np.rint(planes), 0, 65535).astype(np.uint16)


def before_and_after(
    noisy: Plane, clean: Plane, name: str, minutes: float
) -> dict[str, float | str]:
    """Return the mean PSNR of a model as it ships and adapted, and what adapting said."""
    places = evenly(len(clean), PLANES)
    before = psnr(clean, api.denoise(noisy, name), places)
    with adapted(noisy, name, minutes) as (model, said):
        after = psnr(clean, api.denoise(noisy, model), places)
    return {"noisy": psnr(clean, noisy, places), "before": before, "after": after, **said}


@contextmanager
def adapted(
    noisy: Plane, name: str, minutes: float
) -> Iterator[tuple[Path, dict[str, float | str]]]:
    """Adapt a model in a folder that lasts as long as it is needed."""
    with tempfile.TemporaryDirectory() as scratch:
        started = perf_counter()
        found = api.adapt(noisy, scratch, name, minutes=minutes)
        yield (
            Path(scratch),
            {
                "estimated": found.before,
                "estimated_after": found.after,
                "unit": found.unit,
                "steps": found.steps,
                "seconds": perf_counter() - started,
            },
        )


def psnr(clean: Plane, planes: Plane, places: list[int]) -> float:
    """Return the mean PSNR of some planes."""
    return float(np.mean([metrics.psnr(clean[k], planes[k]) for k in places]))


def denoised(planes: Plane, one: Ranked, noise: float | str) -> Plane:
    """Denoise planes by a method that was ranked, at the strength that did best."""
    assert one.strength is not None
    if one.method not in CLASSICS:
        return api.denoise(planes, one.method, noise=noise, strength=one.strength, dtype="float32")
    return np.stack([CLASSICS[one.method].denoise(plane, one.strength) for plane in planes])


def is_deep(name: str) -> bool:
    """Whether a model looks at neighbouring planes."""
    return find_model(name).spec.depth > 1


if __name__ == "__main__":
    main()
