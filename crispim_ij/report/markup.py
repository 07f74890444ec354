"""HTML and SVG as trees, so that text is escaped wherever it comes from."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

Node = Element | str | None


def tag(name: str, /, *children: Node, **attributes: str | float | None) -> Element:
    """Make an element.

    Parameters
    ----------
    name : str
        Such as ``td``.
    *children : Element, str or None
        What is in it; None is left out.
    **attributes : str, float or None
        ``class_`` is 'class', ``aria_label`` is 'aria-label'; None is left out.

    Returns
    -------
    Element
        The tree.
    """
    named = {
        key.rstrip("_").replace("_", "-"): value if isinstance(value, str) else f"{value:g}"
        for key, value in attributes.items()
        if value is not None
    }
    element = Element(name, named)
    for child in children:
        if isinstance(child, str):
            _add_text(element, child)
        elif child is not None:
            element.append(child)
    return element


def render(*elements: Element) -> str:
    """Write trees as HTML.

    Parameters
    ----------
    *elements : Element
        The trees.

    Returns
    -------
    str
        Their HTML, in order.
    """
    return "\n".join(tostring(one, encoding="unicode", method="html") for one in elements)


def _add_text(element: Element, text: str) -> None:
    """Append text behind what an element has already."""
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
