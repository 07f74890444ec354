"""The one kind of error that a user is meant to read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CrispimError(Exception):
    """A fault that the user can mend.

    Its message is one sentence that names the file or option, what is wrong
    with it and what to do. The command line prints it and exits with 2.
    """

    status = 2


class RunInterruptedError(CrispimError):
    """A run that Ctrl-C ended, and how to resume it."""

    status = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """End a sentence with the known word that was probably meant, or with all of them."""
    there = list(known)
    near = closest(word, there)
    return f"did you mean {near!r}?" if near else f"there are {', '.join(there) or 'none'}."


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is meant, if there is one like it."""
    return next(iter(get_close_matches(word, known, n=1)), None)
