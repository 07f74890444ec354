"""What the files of a report are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PAGE, DATA, FIGURES = "report.html", "report.json", "figures"
"""The page, its figures as JSON, and the folder of drawn figures."""

_TABLES = ("evaluation.csv", "summary.csv", "comparison.csv", "bias.csv")


@dataclass(frozen=True)
class Names:
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


def experiment_names(
    titles: Sequence[str], figures: Sequence[tuple[str, str] | None]
) -> list[Names]:
    """Name each experiment's files.

    Parameters
    ----------
    titles : sequence of str
        The experiments'; what stands before a colon names files.
    figures : sequence of tuple of str or None
        What the paper calls each one's box plot and pictures.

    Returns
    -------
    list of Names
        One for each, no two alike.
    """
    stems = [f"{_slug(title.partition(':')[0])}-" for title in titles]
    if len(stems) == 1:
        stems = [""]
    elif len(set(stems)) < len(stems):
        stems = [f"{k}-{stem}" for k, stem in enumerate(stems, 1)]
    return [_names(stem, named) for stem, named in zip(stems, figures, strict=True)]


def _names(stem: str, figures: tuple[str, str] | None) -> Names:
    """Name one experiment's files."""
    boxes, panels = figures or (f"{stem}boxes", f"{stem}panels")
    return Names(stem, _slug(boxes), _slug(panels), f"{stem}bias")


def report_names(titles: Sequence[str]) -> list[str]:
    """List what `write_report` writes or replaces, to find out before any work if it may.

    Parameters
    ----------
    titles : sequence of str
        The experiments'.

    Returns
    -------
    list of str
        Names in the report's folder.
    """
    named = experiment_names(titles, [None] * len(titles))
    return [PAGE, DATA, FIGURES, *(table for one in named for table in one.tables)]


def _slug(text: str) -> str:
    """Return a name that any file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "experiment"
