"""The page itself: one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from xml.etree.ElementTree import Element

from crispim_ij.report.content import Experiment, Report
from crispim_ij.report.gallery import comparison, gallery
from crispim_ij.report.markup import Node, render, tag
from crispim_ij.report.numbers import shown_time
from crispim_ij.report.plots import bias_plots, box_plots
from crispim_ij.report.ranking import findings
from crispim_ij.report.tables import facts_table, paired_table, plane_table, summary_table
from crispim_ij.report.views import View

_MEASURES = (
    ("PSNR and SSIM", "at the paper's range of 65535 counts, at which SSIM saturates near 1."),
    ("Robust", "PSNR and SSIM at the span of the clean plane's 0.1 to 99.9 percentiles."),
    ("PCC", "Pearson's correlation coefficient over all pixels."),
    ("RMSE", "root mean square error in counts."),
    ("FRC", "the frequency up to which the Fourier rings agree with the clean plane's, of 0.5."),
)


def report_page(report: Report, views: Sequence[Sequence[View]], made: Mapping[str, Any]) -> str:
    """Write a report as HTML.

    Parameters
    ----------
    report : Report
        The report.
    views : sequence of sequence of View
        What is shown of each experiment's planes.
    made : mapping
        With what and when it was made, JSON-ready.

    Returns
    -------
    str
        The whole file. Its policy lets no other script or style run and nothing be loaded.
    """
    style, script = _part("style.css"), _part("script.js")
    pairs = list(zip(report.experiments, views, strict=True))
    sections = [_experiment(one, shown, k) for k, (one, shown) in enumerate(pairs, 1)]
    return Template(_part("template.html")).substitute(
        title=escape(report.title),
        style=style,
        style_hash=_sha256(style),
        script=script,
        script_hash=_sha256(script),
        header=render(_header(report)),
        main=render(*sections, _methods(report, made)),
    )


def _part(name: str) -> str:
    """Read a file that lies beside this module."""
    return (files("crispim_ij.report") / name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    """Hash a script or style as a content security policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _header(report: Report) -> Element:
    """Make the heading, what must be known first, and the way to the parts."""
    links = [
        *((f"experiment-{k}", one.title) for k, one in enumerate(report.experiments, 1)),
        ("making", "How this was made"),
    ]
    notes = [tag("li", note) for note in report.notes]
    return tag(
        "header",
        tag("h1", report.title),
        tag("ul", *notes, class_="notes") if notes else None,
        tag(
            "nav",
            *(tag("a", text, href=f"#{target}") for target, text in links),
            aria_label="Parts of this report",
        ),
    )


def _experiment(one: Experiment, views: Sequence[View], number: int) -> Element:
    """Make one test's part."""
    boxes, panels = one.figures or (None, None)
    children: list[Node] = [
        tag("h2", one.title),
        tag("ul", *(tag("li", sentence) for sentence in findings(one)), class_="findings"),
        summary_table(one),
        tag("h3", _titled(boxes, "Spread over the planes")),
        tag(
            "p",
            "A dot is a plane; box and line are quartiles and median"
            + ("; a diamond is the paper's mean. " if one.published else ". ")
            + "Point at a dot, or go to a plot with the tab key and on with the arrow keys: its "
            "plane is marked in all four.",
            class_="legend",
        ),
        box_plots(one),
        *_pictures(views, panels, number),
        tag("h3", "Bias by brightness"),
        tag(
            "p",
            "Mean error in counts of each tenth of the pixels, from the darkest (1) to the "
            "brightest (10) in the clean plane. The scale is linear up to about 1 count and "
            "logarithmic beyond; below zero the method dims.",
            class_="legend",
        ),
        bias_plots(one),
    ]
    if one.comparisons:
        children += [tag("h3", "Paired statistics"), paired_table(one)]
    children += [
        tag("h3", "All planes"),
        tag("details", tag("summary", "Figures of every plane"), plane_table(one.title, one.rows)),
    ]
    return tag("section", *children, id=f"experiment-{number}")


def _pictures(views: Sequence[View], panels: str | None, number: int) -> list[Element]:
    """Make the pictures and the slider, where planes are shown."""
    if not views:
        return []
    return [
        tag("h3", _titled(panels, "Pictures")),
        *gallery(views),
        tag("h3", "Two pictures at the same place"),
        comparison(views, f"compare-{number}"),
    ]


def _titled(figure: str | None, title: str) -> str:
    """Put the paper's name of a figure before ours."""
    return title if figure is None else f"{figure}: {title[0].lower()}{title[1:]}"


def _methods(report: Report, made: Mapping[str, Any]) -> Element:
    """Tell how it was made: measures, command, recipes, versions and hardware."""
    measures = [child for name, text in _MEASURES for child in (tag("dt", name), tag("dd", text))]
    recipes = [
        tag(
            "details",
            tag("summary", f"Recipe of {name}"),
            facts_table(f"Recipe of {name}", "All that its model records.", recipe),
        )
        for name, recipe in report.recipes.items()
    ]
    return tag(
        "section",
        tag("h2", "How this was made"),
        tag("dl", *measures),
        tag("h3", "Command"),
        tag("pre", tag("code", report.command), tabindex=0, role="region", aria_label="Command"),
        tag("p", f"It took {shown_time(report.seconds)}.", class_="legend"),
        *([tag("h3", "Recipes"), *recipes] if recipes else []),
        tag("h3", "Versions and hardware"),
        facts_table("Versions and hardware", "Where this report was made.", made),
        id="making",
    )
