"""Methods measured on planes whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation.inputs import (
    EvaluationSettings,
    Given,
    NoiseSettings,
    around,
    check_planes,
    choose_planes,
    noise_sd,
    noisy_planes,
)
from crispim_ij.evaluation.methods import Method
from crispim_ij.evaluation.metrics import Bias, PlaneMetrics, bias_by_decile, plane_metrics
from crispim_ij.evaluation.statistics import (
    MethodBias,
    Paired,
    Summary,
    compare_methods,
    render_table,
    summarise,
    summarise_bias,
)
from crispim_ij.planes import Source

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Evaluated:
    """One plane with what the methods made of it.

    Attributes
    ----------
    clean, noisy : ndarray, shape (Y, X)
        Counts.
    results : mapping of str to ndarray
        Each method's plane.
    rows : tuple of PlaneMetrics
        Each method's figures.
    biases : mapping of str to sequence of Bias
        Each method's mean error by brightness.
    """

    clean: NDArray[Any]
    noisy: NDArray[Any] | None
    results: Mapping[str, NDArray[Any]]
    rows: tuple[PlaneMetrics, ...]
    biases: Mapping[str, Sequence[Bias]]


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes
    ----------
    rows : tuple of PlaneMetrics
        Each method on each plane.
    comparisons : tuple of Paired
        Each pair of methods: gain in PSNR, its confidence interval, Wilcoxon's p.
    biases : tuple of MethodBias
        Each method's mean error by brightness.
    shown : tuple of Evaluated
        Up to three planes with what the methods made of them.
    """

    rows: tuple[PlaneMetrics, ...]
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


def measure(
    source: Source,
    methods: Sequence[Method],
    settings: EvaluationSettings,
    given: Given | None = None,
    on_plane: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Measure methods on all planes that are drawn, and keep up to three planes to be shown.

    Parameters and errors are those of `evaluate`, which it goes through; `on_plane` is told after
    each plane how many are done.
    """
    rows: list[PlaneMetrics] = []
    biases: list[Mapping[str, Sequence[Bias]]] = []
    shown: list[Evaluated] = []
    count = min(settings.planes, len(source))
    for k, plane in enumerate(evaluate(source, methods, settings, given)):
        rows.extend(plane.rows)
        biases.append(plane.biases)
        if k in {count // 4, count // 2, 3 * count // 4}:
            shown.append(plane)
        on_plane(k + 1)
    return Evaluation(
        tuple(rows), tuple(compare_methods(rows)), tuple(summarise_bias(biases)), tuple(shown)
    )


def evaluate(
    source: Source,
    methods: Sequence[Method],
    settings: EvaluationSettings,
    given: Given | None = None,
) -> Iterator[Evaluated]:
    """Measure methods plane by plane, holding one plane at a time.

    Parameters
    ----------
    source : Source
        Clean planes.
    methods : sequence of Method
        What is measured on the noisy planes. Those that are given the noise get the standard
        deviation that was drawn, or that of noisy minus clean where none was.
    settings : EvaluationSettings
        How many planes, and their noise.
    given : Given or None
        Noisy planes or results that exist already.

    Returns
    -------
    iterator of Evaluated
        The planes that were drawn, in their order in the source.

    Raises
    ------
    CrispimError
        If there is nothing to measure, two methods share a name, planes are smaller than
        SSIM's window or given planes don't match the clean ones.
    """
    given = given or Given()
    _check_names([method.name for method in methods] + list(given.results))
    check_planes(source, given)
    chosen = choose_planes(len(source), settings)
    return (_evaluated(source, index, methods, settings.noise, given) for index in chosen)


def _evaluated(
    source: Source, index: int, methods: Sequence[Method], noise: NoiseSettings, given: Given
) -> Evaluated:
    """Return one plane's results and figures."""
    clean = source.read(index)
    results: dict[str, NDArray[Any]] = {}
    noisy, sd = None, None
    if methods or given.noisy is not None:
        with_noise = noisy_planes(source, noise, given.noisy)
        noisy, sd = with_noise(index)
        noise_level = noise_sd(clean, noisy) if sd is None else float(sd)
        for method in methods:
            planes = around(with_noise, source, index, method.depth)
            results[method.name] = method.run(planes, noise_level)
    results |= {name: planes.read(index) for name, planes in given.results.items()}
    rows = tuple(
        plane_metrics(source.names[index], sd, name, clean, result)
        for name, result in results.items()
    )
    biases = {name: bias_by_decile(clean, result) for name, result in results.items()}
    return Evaluated(clean, noisy, results, rows, biases)


def _check_names(names: Sequence[str]) -> None:
    """Refuse to evaluate nothing, or two methods of one name."""
    if not names:
        raise CrispimError("There is nothing to evaluate: name a method (--method or --result).")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CrispimError(
            f"The method {twice[0]!r} is named twice (--method, --result): give each a name of "
            "its own."
        )
