"""Pictures of planes, and the slider that compares two of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from crispim_ij.report.markup import tag
from crispim_ij.report.numbers import MINUS, shown
from crispim_ij.report.views import Picture, View

_ERROR_GREYS = 16  # enough to see structure in errors, and half the size of 256
_LEVEL = 9  # of PNG's compression


def data_uri(counts: NDArray[Any], limits: tuple[float, float], greys: int = 256) -> str:
    """Encode a picture as PNG within its address.

    Parameters
    ----------
    counts : ndarray, shape (Y, X)
        What is shown.
    limits : tuple of float
        Counts shown black and white.
    greys : int
        How many greys there are, from 2 to 256.

    Returns
    -------
    str
        A ``data:`` URI.
    """
    from imagecodecs import png_encode

    low, high = limits
    share = np.nan_to_num((np.asarray(counts, np.float64) - low) / (high - low))
    steps = np.rint(np.clip(share, 0, 1) * (greys - 1))
    encoded = png_encode(np.rint(steps * (255 / (greys - 1))).astype(np.uint8), _LEVEL)
    return "data:image/png;base64," + base64.b64encode(encoded).decode("ascii")


def gallery(views: Sequence[View]) -> list[Element]:
    """Show the planes, the first in full and the others folded away.

    Parameters
    ----------
    views : sequence of View
        What is shown of each plane.

    Returns
    -------
    list of Element
        One a view.
    """
    figures = [_figure(view, k) for k, view in enumerate(views)]
    folded = [
        tag("details", tag("summary", f"Plane {view.plane}"), figure)
        for view, figure in zip(views[1:], figures[1:], strict=True)
    ]
    return [*figures[:1], *folded]


def _figure(view: View, number: int) -> Element:
    """Show one plane: pictures, below them what is left of the error."""
    limit = f"{view.error_limit:.0f}"
    return tag(
        "figure",
        tag("figcaption", view.caption),
        tag("div", *(_picture(one, view, number) for one in view.pictures), class_="panels"),
        tag(
            "p",
            f"Result minus clean, from {MINUS}{limit} counts (black) to +{limit} (white). What "
            "looks like tissue here was lost or made up.",
            class_="legend",
        ),
        tag(
            "div",
            *(_error(one, view) for one in view.pictures if one.error is not None),
            class_="panels",
        ),
    )


def _picture(one: Picture, view: View, number: int) -> Element:
    """Show one picture with its name and PSNR."""
    image = tag(
        "img",
        src=data_uri(one.counts, view.limits),
        alt=f"{one.name}, plane {view.plane}",
        width=one.counts.shape[1],
        height=one.counts.shape[0],
        data_view=str(number),
        data_name=one.name,
    )
    below = "" if one.psnr is None else f" {shown(one.psnr, '.2f')}\u00a0dB"
    return tag("div", image, tag("p", tag("b", one.name), below), class_="panel")


def _error(one: Picture, view: View) -> Element:
    """Show the error of one picture."""
    assert one.error is not None
    image = tag(
        "img",
        src=data_uri(one.error, (-view.error_limit, view.error_limit), _ERROR_GREYS),
        alt=f"{one.name} minus clean, plane {view.plane}",
        width=one.error.shape[1],
        height=one.error.shape[0],
    )
    return tag("div", image, tag("p", f"{one.name} {MINUS} clean"), class_="panel")


def comparison(views: Sequence[View], key: str) -> Element:
    """Make the slider that compares two pictures of one plane at the same place.

    Parameters
    ----------
    views : sequence of View
        What is shown of each plane; their pictures are those of `gallery`.
    key : str
        Makes the ids unique on the page.

    Returns
    -------
    Element
        Hidden until the script has found the pictures.
    """
    names = [one.name for one in views[0].pictures]
    first = names.index("noisy") if "noisy" in names else 0
    best = next(
        (k for k, name in enumerate(names) if name not in {"clean", "noisy"}), len(names) - 1
    )
    planes = _choice("Plane", f"{key}-plane", [view.plane for view in views], 0)
    slider = tag(
        "input",
        id=f"{key}-split",
        type="range",
        min="0",
        max="100",
        value="50",
        step="1",
    )
    return tag(
        "figure",
        tag("div", planes, class_="choices") if len(views) > 1 else None,
        tag(
            "div",
            _choice("Left", f"{key}-left", names, first),
            _choice("Right", f"{key}-right", names, best),
            class_="choices",
        ),
        tag(
            "div",
            tag("img", alt="", class_="right"),
            tag("img", alt="", class_="left"),
            tag("span", class_="edge"),
            class_="stage",
        ),
        tag("label", "Where the left picture ends", for_=f"{key}-split"),
        slider,
        class_="compare",
        hidden="hidden",
        data_compare=key,
    )


def _choice(label: str, key: str, names: Sequence[str], chosen: int) -> Element:
    """Make a labelled list of names."""
    options = [
        tag("option", name, value=str(k), selected="selected" if k == chosen else None)
        for k, name in enumerate(names)
    ]
    return tag("label", f"{label} ", tag("select", *options, id=key))
