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
    """A run that Ctrl-C ended, and how to go on with it."""

    status = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """End a sentence with the known word that was probably meant, or with all of them."""
    there = list(known)
    near = get_close_matches(word, there, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(there) or 'none'}."
