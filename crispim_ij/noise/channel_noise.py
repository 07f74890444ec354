"""The noise of an acquisition's channel, measured over several of its stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.noise.measure import channel_stacks, measure_noise
from crispim_ij.noise.stack_noise import StackNoise
from crispim_ij.planes import Selection, Source, Tree, open_stack

STACKS = 8
"""Stacks of a channel that are looked at, spread over all that it has."""

Found = TypeVar("Found")
Kind = tuple[str, int, int, int]
"""Pixel type, number of channels, and rows and columns of a plane."""


@dataclass(frozen=True)
class ChannelNoise:
    """The noise of an acquisition's channel.

    Attributes
    ----------
    channel : str
        Its name, see `crispim_ij.planes.tree.channel_of`; '' where paths name none.
    stacks : tuple of str
        Those that it was measured on.
    of : int
        How many stacks the channel has.
    kind : tuple
        Of the stacks that it holds for, see `kind_of`.
    noise : StackNoise or None
        What a model is told; None for one that guesses it.
    problems : tuple of str
        Why to mistrust it, or why the model doesn't suit the stacks.
    """

    channel: str
    stacks: tuple[str, ...]
    of: int
    kind: Kind
    noise: StackNoise | None
    problems: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """Return what a record keeps, JSON-ready."""
        return {
            "measured on": list(self.stacks),
            "of": self.of,
            "kind": list(self.kind),
            "told": self.noise and self.noise.as_record(),
            "problems": list(self.problems),
        }

    @classmethod
    def from_record(cls, channel: str, record: Mapping[str, Any]) -> ChannelNoise:
        """Return what `as_record` wrote."""
        told, (dtype, channels, rows, columns) = record["told"], record["kind"]
        return cls(
            channel,
            tuple(record["measured on"]),
            record["of"],
            (dtype, channels, rows, columns),
            told and StackNoise.from_record(told),
            tuple(record["problems"]),
        )


def look_at_channel(
    tree: Tree,
    channel: str,
    selection: Selection,
    look: Callable[[Mapping[str, Source]], Found],
) -> Found | None:
    """Open some stacks of a channel and look at them.

    All of the channel's stacks count, wanted or not: a choice of stacks changes no pixel. Those
    that can't be read are left out, and so are those of another kind than the first.

    Parameters
    ----------
    tree : Tree
        The acquisition.
    channel : str
        See `crispim_ij.planes.tree.channel_of`.
    selection : Selection
        What is read of each stack.
    look : callable
        Given the opened stacks by their paths.

    Returns
    -------
    object or None
        What `look` returned; None where no stack can be read.
    """
    stacks = tree.channels[channel]
    places = np.linspace(0, len(stacks) - 1, min(STACKS, len(stacks))).round().astype(int)
    with ExitStack() as opened:
        sources: dict[str, Source] = {}
        for path in (stacks[place] for place in places.tolist()):
            try:
                source = open_stack(tree, path, selection)
            except CrispimError:  # which is told when its turn comes
                continue
            opened.enter_context(closing(source))
            if not sources or kind_of(source) == kind_of(next(iter(sources.values()))):
                sources[path] = source
        if not sources:
            return None
        try:
            return look(sources)
        except CrispimError:
            readable = {path: one for path, one in sources.items() if _is_readable(one)}
            return look(readable) if readable else None


def kind_of(source: Source) -> Kind:
    """Return what stacks of one noise have in common, as binned planes are smaller."""
    channels = len(channel_stacks(source.metadata, len(source)))
    return str(source.dtype), channels, source.shape[1], source.shape[2]


def _is_readable(source: Source) -> bool:
    """Whether the planes that a measurement takes can be read."""
    try:
        measure_noise(source)
    except CrispimError:
        return False
    return True
