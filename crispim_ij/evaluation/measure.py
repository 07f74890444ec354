"""An evaluation from the names of methods to the figures of all planes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crispim_ij.evaluation.bias import Bias, MethodBias, summarise_bias
from crispim_ij.evaluation.classics import CLASSICS
from crispim_ij.evaluation.evaluate import Evaluated, EvaluationSettings, Given, Row
from crispim_ij.evaluation.methods import Method, find_method
from crispim_ij.evaluation.statistics import Paired, compare_methods
from crispim_ij.evaluation.table import Summary, render_table, summarise
from crispim_ij.evaluation.tuning import tune
from crispim_ij.planes import Source

if TYPE_CHECKING:
    from rich.table import Table

DEFAULT_METHODS = ("noisy", "tv", "cv2", "crispim-2d")
"""What is measured where neither methods nor results are given."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes
    ----------
    rows : tuple of Row
        Each method on each plane.
    comparisons : tuple of Paired
        Each pair of methods: gain in PSNR, its confidence interval, Wilcoxon's p.
    biases : tuple of MethodBias
        Each method's mean error by brightness.
    shown : tuple of Evaluated
        Up to three planes with what the methods made of them.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Paired, ...]
    biases: tuple[MethodBias, ...]
    shown: tuple[Evaluated, ...]

    @property
    def summary(self) -> list[Summary]:
        """Each method's means over planes."""
        return summarise(self.rows)

    @property
    def table(self) -> Table:
        """The summary as a table, which notebooks and ``rich.print`` show."""
        return render_table(self.summary)


def find_methods(
    names: Sequence[str],
    source: Source,
    settings: EvaluationSettings,
    given: Given | None = None,
) -> list[Method]:
    """Find baselines and models, and tune what has a strength to be chosen.

    Parameters
    ----------
    names : sequence of str
        See `find_method`; also keys of `CLASSICS`, which are tuned on a plane that is not
        measured.
    source : Source
        Clean planes.
    settings : EvaluationSettings
        Which planes are measured, and their noise.
    given : Given or None
        Noisy planes that take the place of drawn noise.

    Returns
    -------
    list of Method
        In the order of their names.

    Raises
    ------
    CrispimError
        If there is no such method, or no plane is left to tune on.
    """
    return [
        tune(name, source, settings, given) if name in CLASSICS else find_method(name)
        for name in names
    ]


def measure(
    evaluated: Iterator[Evaluated], count: int, on_plane: Callable[[], None] = lambda: None
) -> Evaluation:
    """Measure all planes, and keep up to three of them to be shown.

    Parameters
    ----------
    evaluated : iterator of Evaluated
        From `evaluate`.
    count : int
        How many planes there are.
    on_plane : callable
        Called after each plane.

    Returns
    -------
    Evaluation
        All figures.
    """
    rows: list[Row] = []
    biases: list[Mapping[str, Sequence[Bias]]] = []
    shown: list[Evaluated] = []
    wanted = {count // 4, count // 2, 3 * count // 4}
    for k, plane in enumerate(evaluated):
        rows.extend(plane.rows)
        biases.append(plane.biases)
        if k in wanted:
            shown.append(plane)
        on_plane()
    return Evaluation(
        tuple(rows), tuple(compare_methods(rows)), tuple(summarise_bias(biases)), tuple(shown)
    )
