"""How far work is, in notebooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from time import monotonic
from typing import Any

EVERY = 0.2
"""Seconds between two changes of a bar."""

Advance = Callable[[float, str], None]
"""Told how much is done, and a remark."""


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, without importing what others don't need."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def _nothing(done: float, remark: str) -> None:
    """Show nothing."""


@contextmanager
def notebook_bar(what: str, total: float, unit: str, *, hidden: bool = False) -> Iterator[Advance]:
    """Show a bar in a notebook, unless it is to be hidden, and nothing elsewhere."""
    if hidden or not in_notebook():
        yield _nothing
        return
    from IPython.display import HTML, display

    def bar(done: float, remark: str = "") -> Any:
        text = f"{what}: {done:.0f} of {total:.0f} {unit}{remark and ', ' + remark}"
        return HTML(f'<progress value="{done}" max="{total}"></progress> {escape(text)}')

    shown = display(bar(0), display_id=True)
    last = monotonic()

    def advance(done: float, remark: str) -> None:
        nonlocal last
        if done >= total or monotonic() - last > EVERY:
            last = monotonic()
            shown.update(bar(done, remark))

    yield advance
