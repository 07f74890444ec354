"""What a report says, before it is a page, a figure or a table, and what its files are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crispim_ij.evaluation import Evaluation
from crispim_ij.report.display import Display

PAGE, DATA, FIGURES = "report.html", "report.json", "figures"
"""The page, its figures as JSON, and the folder of drawn figures."""

_TABLES = ("evaluation.csv", "summary.csv", "comparison.csv", "bias.csv")


@dataclass(frozen=True)
class Published:
    """Means that the paper gives for a method.

    Attributes
    ----------
    psnr : float
        In dB, at a range of 65535.
    ssim : float
        At a range of 65535.
    pcc : float
        Pearson's correlation coefficient.
    """

    psnr: float
    ssim: float
    pcc: float


@dataclass(frozen=True)
class Experiment:
    """One test: a table, a box plot, pictures.

    Attributes
    ----------
    title : str
        Such as ``Table 1: 2D network, TV and CV2``; what stands before the colon names files.
    evaluation : Evaluation
        What was measured, and a few planes for the pictures.
    published : mapping of str to Published
        The paper's figures by the name of the method, where there are any.
    figures : tuple of str or None
        What the paper calls its box plot and its pictures, such as
        ``("Figure 3", "Figure 4")``.
    display : tuple of float or None
        Counts shown black and white; None for the paper's range where it fits.
    """

    title: str
    evaluation: Evaluation
    published: Mapping[str, Published] = field(default_factory=dict)
    figures: tuple[str, str] | None = None
    display: Display = None


@dataclass(frozen=True)
class Report:
    """All that one report says.

    Attributes
    ----------
    title : str
        Its heading.
    command : str
        What was run.
    notes : sequence of str
        What a reader must know first, such as that a network was trained for fewer steps.
    experiments : sequence of Experiment
        At least one.
    recipes : mapping of str to mapping
        How each model was made, JSON-ready, by the model's name.
    seconds : float
        How long it all took.
    """

    title: str
    command: str
    notes: Sequence[str]
    experiments: Sequence[Experiment]
    recipes: Mapping[str, Mapping[str, Any]]
    seconds: float


@dataclass(frozen=True)
class ExperimentFiles:
    """Names of one experiment's files.

    Attributes
    ----------
    stem : str
        Before the names of tables and figures: empty where there is one experiment only,
        else such as ``table-1-``.
    boxes, panels, bias : str
        Names of figures, without their ending.
    """

    stem: str
    boxes: str
    panels: str
    bias: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of each plane's figures, means, pairs and biases as CSV."""
        return tuple(self.stem + table for table in _TABLES)


def experiment_files(
    titles: Sequence[str], figures: Sequence[tuple[str, str] | None]
) -> list[ExperimentFiles]:
    """Name each experiment's files, no two alike, from its title and the paper's figures."""
    stems = [f"{_slug(title.partition(':')[0])}-" for title in titles]
    if len(stems) == 1:
        stems = [""]
    elif len(set(stems)) < len(stems):
        stems = [f"{k}-{stem}" for k, stem in enumerate(stems, 1)]
    named = []
    for stem, published in zip(stems, figures, strict=True):
        boxes, panels = published or (f"{stem}boxes", f"{stem}panels")
        named.append(ExperimentFiles(stem, _slug(boxes), _slug(panels), f"{stem}bias"))
    return named


def report_names(titles: Sequence[str]) -> list[str]:
    """List what a report of these experiments writes or replaces in its folder."""
    named = experiment_files(titles, [None] * len(titles))
    return [PAGE, DATA, FIGURES, *(table for one in named for table in one.tables)]


def _slug(text: str) -> str:
    """Return a name that any file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "experiment"
