"""A row of the doctor's table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Row:
    """One thing that was looked at.

    Attributes
    ----------
    topic : str
        The thing.
    found : str
        What was found.
    state : State
        'note' for what can stay as it is, 'broken' for what will fail.
    remedy : str
        What to do, a sentence; empty where all is well.
    """

    topic: str
    found: str
    state: State
    remedy: str = ""
