"""What a tree of stacks holds, and whether each can be worked on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from crispim_ij.errors import CrispimError
from crispim_ij.noise import Measurement
from crispim_ij.noise.channel_noise import look_at_channel, measure_channel
from crispim_ij.planes import Selection, Source, Tree, open_stack
from crispim_ij.planes.tree import channel_of
from crispim_ij.previewing.inspection import refusals_of


@dataclass(frozen=True)
class StackFacts:
    """A stack of a tree, as its headers tell.

    Sizes are None where it can't be opened. `refusals` is that of an `Inspection`.
    """

    path: str
    channel: str
    planes: int | None
    rows: int | None
    columns: int | None
    dtype: str | None
    size: int
    refusals: Mapping[str, str | None]


@dataclass(frozen=True)
class ChannelFacts:
    """The noise of a channel, by each channel within its stacks, and where it was measured."""

    stacks: tuple[str, ...]
    of: int
    noise: tuple[Measurement, ...]


@dataclass(frozen=True)
class TreeInspection:
    """What a tree holds.

    `channels` leaves out those of which no stack can be read. `size` is in bytes, of all pixels in
    memory; `others` are the files that belong to no stack.
    """

    path: str
    format: str
    stacks: tuple[StackFacts, ...]
    channels: Mapping[str, ChannelFacts]
    others: tuple[str, ...]
    planes: int
    size: int


def inspect_tree(tree: Tree) -> TreeInspection:
    """Look at the headers of all stacks of a tree, and measure the noise of each channel."""
    stacks = tuple(_facts(tree, path) for path in tree.stacks)
    channels = {}
    for channel in dict.fromkeys(stack.channel for stack in stacks):
        look = partial(_channel_facts, len(tree.channels[channel]))
        found = look_at_channel(tree, channel, Selection(), look)
        if found is not None:
            channels[channel] = found
    return TreeInspection(
        str(tree.path),
        f"tree of {len(stacks)} stack{'s' * (len(stacks) != 1)}",
        stacks,
        channels,
        tree.others,
        sum(stack.planes or 0 for stack in stacks),
        sum(stack.size for stack in stacks),
    )


def _channel_facts(of: int, sources: Mapping[str, Source]) -> ChannelFacts:
    """Measure the noise of a channel of so many stacks on some of them."""
    return ChannelFacts(tuple(sources), of, measure_channel(list(sources.values())))


def _facts(tree: Tree, path: str) -> StackFacts:
    """Look at a stack's headers."""
    channel = channel_of(path)
    try:
        with open_stack(tree, path) as source:
            size = math.prod(source.shape) * source.dtype.itemsize
            refusals = refusals_of(source)
            return StackFacts(path, channel, *source.shape, str(source.dtype), size, refusals)
    except CrispimError as error:
        refused = dict.fromkeys(("denoise", "preprocess"), str(error))
        return StackFacts(path, channel, None, None, None, None, 0, refused)
