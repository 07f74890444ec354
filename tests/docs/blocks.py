"""The fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RUN = {"bash", "python"}
SHOWN = {"text", "toml", "yaml", "json", "ijm", "{eval-rst}", "{toctree}"}
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>\S*).*$")
MARK = re.compile(r"^ *<!-- not run:(?P<reason>.*?)-->$", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Attributes
    ----------
    line : int
        Of the opening fence, from 1.
    language : str
        The word after it.
    text : str
        What is between them, without their indentation.
    reason : str or None
        Why it is not run, in a comment right above: ``<!-- not run: needs Slurm -->``.
    """

    line: int
    language: str
    text: str
    reason: str | None


def read_blocks(page: Path) -> list[Block]:
    """Return a page's blocks in order."""
    return list(split(page.read_text(encoding="utf-8").splitlines()))


def split(lines: list[str]) -> Iterator[Block]:
    """Yield the blocks of a page's lines."""
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening is None:
            number += 1
            continue
        indent, ticks = opening["indent"], opening["ticks"]
        ends = (k for k in range(number + 1, len(lines)) if lines[k].strip() == ticks)
        end = next(ends, None)
        if end is None:
            raise ValueError(f"the block of line {number + 1} has no end")
        inside = "".join(f"{line.removeprefix(indent)}\n" for line in lines[number + 1 : end])
        yield Block(number + 1, opening["language"], inside, reason_above(lines[:number]))
        number = end + 1


def reason_above(lines: list[str]) -> str | None:
    """Return what the comment right above says, over as many lines as it has."""
    if not lines or not lines[-1].rstrip().endswith("-->"):
        return None
    first = max((k for k, line in enumerate(lines) if line.lstrip().startswith("<!--")), default=0)
    mark = MARK.match("\n".join(lines[first:]).rstrip())
    return " ".join(mark["reason"].split()) if mark else None
