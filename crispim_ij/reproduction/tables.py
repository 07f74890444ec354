"""Tables 1 and 2 of the paper, measured again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    CLASSICS,
    EvaluationSettings,
    Method,
    NoiseSettings,
    find_method,
    find_methods,
    measure,
)
from crispim_ij.planes import Source
from crispim_ij.report import Experiment, Published
from crispim_ij.reproduction.plan import PAPER_PLANES, ReproductionPlan
from crispim_ij.reproduction.stacks import Substack


@dataclass(frozen=True)
class Table:
    """A table of the paper: networks, what else is measured on their planes, published means.

    `figures` is what the paper calls the box plot and the pictures of the same planes.
    """

    name: str
    title: str
    figures: tuple[str, str]
    networks: tuple[str, ...]
    baselines: tuple[str, ...]
    published: Mapping[str, Published]


TABLES = (
    Table(
        "Table 1",
        "2D network against TV and CV2",
        ("Figure 3", "Figure 4"),
        ("paper-2d",),
        ("noisy", "tv", "cv2", *CLASSICS),
        MappingProxyType(
            {
                "tv": Published(69.6290, 0.9998, 0.9718),
                "paper-2d": Published(71.7905, 0.9999, 0.9845),
                "cv2": Published(60.3469, 0.9983, 0.7416),
            }
        ),
    ),
    Table(
        "Table 2",
        "2D network against 3D network",
        ("Figure 5", "Figure 6"),
        ("paper-2d", "paper-3d"),
        ("noisy",),
        MappingProxyType(
            {
                "paper-2d": Published(70.5744, 0.9999, 0.9853),
                "paper-3d": Published(64.8643, 0.9993, 0.9544),
            }
        ),
    ),
)


def load_models(names: Sequence[str]) -> list[Method]:
    """Load more models to measure, by names that `crispim_ij.evaluation.find_method` takes.

    A table must not have a method of that name already.
    """
    taken = {name for table in TABLES for name in (*table.networks, *table.baselines)}
    models = []
    for name in names:
        model = find_method(name)
        if model.name in taken:
            raise CrispimError(
                f"A table has a method {model.name!r} already, so {name!r} (--model) can't be told "
                "from it: leave it out, or rename its folder or file."
            )
        taken.add(model.name)
        models.append(model)
    return models


def planes_tested(plan: ReproductionPlan, table: str) -> int:
    """Return how many planes a table's means are over; one is left to tune on."""
    return min(PAPER_PLANES, len(plan.test_planes(table)) - 1)


def measure_table(
    table: Table,
    test: Source,
    plan: ReproductionPlan,
    methods: Sequence[Method],
    seed: int,
    on_plane: Callable[[int, str], None],
) -> Experiment:
    """Measure methods, and a table's baselines, on random planes of the downsampled test stack.

    Each table has planes and noise of its own, by the run's seed. `on_plane` is told how many
    planes are done, and what is going on.
    """
    top, left, side = plan.window
    window = slice(top, top + side), slice(left, left + side)
    tested = Substack(test, planes=plan.test_planes(table.name), window=window)
    noise = NoiseSettings(seed=2 * seed + TABLES.index(table))
    settings = EvaluationSettings(planes_tested(plan, table.name), noise)
    on_plane(0, "tuning")
    baselines = find_methods(table.baselines, tested, settings)
    evaluation = measure(
        tested, [*baselines, *methods], settings, on_plane=lambda done: on_plane(done, "")
    )
    return Experiment(f"{table.name}: {table.title}", evaluation, table.published, table.figures)
