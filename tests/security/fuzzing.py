"""What all fuzzing shares."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError

QUICK, LONG = 60, 2000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def fuzzed(*strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """Run a test on examples of these: a few, and, marked slow, many."""

    def decorate(test: Callable[..., None]) -> Any:
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

        @pytest.mark.parametrize(
            "examples", [QUICK, pytest.param(LONG, marks=pytest.mark.slow)], ids=["quick", "long"]
        )
        def run(tmp_path: Path, little_memory: None, examples: int) -> None:
            @settings(max_examples=examples, suppress_health_check=checks)
            @given(st.tuples(*strategies))
            def once(values: tuple[Any, ...]) -> None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    test(tmp_path, *values)

            once()

        run.__doc__ = test.__doc__
        return run

    return decorate


def tried(read: Callable[[], object]) -> None:
    """Read; a refusal is one sentence of one line."""
    try:
        read()
    except CrispimError as error:
        said = str(error)
    else:
        return
    assert said.strip()
    assert len(said.splitlines()) == 1


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """A file with bytes exchanged, cut off, put in or doubled."""

    def change(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = bytearray(content)
        for start, length, new in edits:
            at = start % (len(data) + 1)
            data[at : at + length] = new
        return bytes(data)

    edit = st.tuples(st.integers(0, len(content)), st.integers(0, 40), st.binary(max_size=12))
    return st.lists(edit, min_size=1, max_size=4).map(change)
