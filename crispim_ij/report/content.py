"""What a report says, before it is a page, a figure or a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crispim_ij.evaluation import Evaluated, MethodBias, Paired, Row
from crispim_ij.report.display import Display


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
    rows : sequence of Row
        All methods on all planes.
    comparisons : sequence of Paired
        Each pair of methods, as `crispim_ij.evaluation.compare_methods` gives them.
    biases : sequence of MethodBias
        As `crispim_ij.evaluation.summarise_bias` gives them.
    shown : sequence of Evaluated
        A few planes for the pictures.
    published : mapping of str to Published
        The paper's figures by the name of the method, where there are any.
    figures : tuple of str or None
        What the paper calls its box plot and its pictures, such as
        ``("Figure 3", "Figure 4")``.
    display : tuple of float or None
        Counts shown black and white; None for the paper's range where it fits.
    """

    title: str
    rows: Sequence[Row]
    comparisons: Sequence[Paired]
    biases: Sequence[MethodBias]
    shown: Sequence[Evaluated]
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
